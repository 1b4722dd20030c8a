// tmpq-sensitivity --model M --recipe R --out DIR: what narrowing each site alone does.
#include <cstdio>
#include <string>

#include "src/eval/sensitivity/measure_sensitivity.h"
#include "src/eval/sensitivity/sensitivity_report.h"
#include "tools/common/backend.h"
#include "tools/common/config_flags.h"
#include "tools/common/program.h"
#include "tools/common/session.h"

namespace tmpq {
namespace {

void DeclareFlags(cxxopts::Options& options) {
  DeclareConfigFlags(options, "Sensitivity", SensitivityConfig());
  DeclareBackend(options);
  options.add_options()("out", "folder of sensitivity.h5, sensitivity.csv and their journal",
                        cxxopts::value<std::string>())(
      "resume", "go on with the measurement in --out")("overwrite", "replace what is in --out")(
      "no-reuse", "sample every probe from its noise on; never changes the result")(
      "threads", "0: one per core; never changes the result",
      cxxopts::value<int>()->default_value("0"))(
      "batch", "samples per network call; never changes the result",
      cxxopts::value<int>()->default_value("8"));
}

void Measure(const cxxopts::ParseResult& arguments) {
  SensitivityConfig config;
  ApplyConfigFlags(arguments, config);
  TerminalProgress progress = MakeProgress();
  const Backend backend = ReadBackend(arguments);
  SearchSession session = ReadSession(arguments, progress);
  session.kernels = backend.kernels, session.device = backend.device.get();
  RunResumable(session, "measurement", [&] {
    const SensitivityRun run =
        MeasureSensitivity(config, session, arguments.count("no-reuse") == 0);
    if (WantsJson(arguments)) return PrintJson(ToJson(run));
    std::printf("%sWrote %s/{sensitivity.h5, sensitivity.csv}.\n", TextOf(run).c_str(),
                session.out.c_str());
  });
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-sensitivity",
       "Measures every quantization site alone, at every bit-width and in every range of "
       "timesteps: "
       "what tmpq-calibrate --sensitivity and tmpq-search --sensitivity allocate bit-widths by.",
       ""},
      tmpq::DeclareFlags, tmpq::Measure);
}
