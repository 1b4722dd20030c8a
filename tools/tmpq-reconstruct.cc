// tmpq-reconstruct --model M --recipe q-diffusion --weight-bits 4 --activation-bits 8 --out DIR:
// learns roundings and steps.
#include <cstdio>
#include <string>

#include "src/core/config.h"
#include "src/eval/calibration/collect_calls.h"
#include "src/eval/driver/search_bench.h"
#include "src/torch/torch_device.h"
#include "src/train/reconstruction.h"
#include "tools/common/config_flags.h"
#include "tools/common/program.h"
#include "tools/common/session.h"

namespace tmpq {
namespace {

constexpr const char* kRoundingName = "rounding.safetensors";
constexpr const char* kCheckpointName = "checkpoint.safetensors";

void DeclareFlags(cxxopts::Options& options) {
  const auto text = [](const char* value) {
    return cxxopts::value<std::string>()->default_value(value);
  };
  options.add_options()("model", "bundled model's name, weights file, or folder",
                        text("fashion-dit"))(
      "stress", "inject outlier channels first (labelled NAME-stress)")(
      "recipe", "named recipe, or a file .ini, with rounding = adaround", text("q-diffusion"))(
      "weight-bits", "bit-widths to learn, each by itself", text("4"))(
      "activation-bits", "bit-widths of static activations to learn, likewise", text("8"))(
      "profile", "published, or quick: minutes on a bundled model", text("published"))(
      "prompts", "file of prompts to calibrate on (default: the model's own)", text(""))(
      "guidance", "guidance scale; -1: the model's own", text("-1"))(
      "seed", "of the calibration's noise and of minibatches", text("0"))(
      "out", "folder of rounding.safetensors", cxxopts::value<std::string>())(
      "overwrite", "replace what is in --out")("resume", "go on with what is in --out")(
      "device",
      "where LibTorch learns: auto (a GPU where it has one), cpu or cuda; a part of the result",
      text("auto"))("threads", "0: one per core; a part of the result",
                    cxxopts::value<int>()->default_value("0"))(
      "batch", "samples per network call while sampling; never changes the result",
      cxxopts::value<int>()->default_value("8"));
  DeclareConfigFlags(options, "Published settings (the profile's come first)",
                     ReconstructionConfig());
}

SearchConfig ReadConfig(const cxxopts::ParseResult& arguments) {
  SearchConfig config;
  std::map<std::string, std::string> values;
  for (const char* key : {"model", "recipe", "prompts", "guidance", "seed"}) {
    values[key] = arguments[key].as<std::string>();
  }
  values["weight_bits"] = arguments["weight-bits"].as<std::string>();
  values["activation_bits"] = arguments["activation-bits"].as<std::string>();
  ApplyValues(config, values, "command line");
  config.stress = arguments.count("stress") > 0;
  config.budget = "bitops=100x";  // nothing is searched
  config.Validate();
  return config;
}

// "blocks.0      weights  w4     before 1.2e-02  after 3.4e-03".
void PrintReport(const Json& report) {
  std::printf("%-40s %-8s %-5s %10s %10s\n", "unit", "learned", "bits", "before", "after");
  for (const Json& row : report) {
    std::string bits = "w" + std::to_string(row["weight_bits"].get<int>());
    if (row.contains("activation_bits")) {
      bits += "a" + std::to_string(row["activation_bits"].get<int>());
    }
    std::printf("%-40s %-8s %-5s %10.3g %10.3g\n", row["unit"].get<std::string>().c_str(),
                row["learned"].get<std::string>().c_str(), bits.c_str(),
                row["before"].get<double>(), row["after"].get<double>());
  }
}

void LearnRounding(const cxxopts::ParseResult& arguments) {
  UseTorchDevice(arguments["device"].as<std::string>());
  const SearchConfig config = ReadConfig(arguments);
  ReconstructionConfig settings =
      ReconstructionConfig::Profile(arguments["profile"].as<std::string>());
  ApplyConfigFlags(arguments, settings);
  settings.Validate();
  TerminalProgress progress = MakeProgress();
  const SearchSession session = ReadSession(arguments, progress);
  RunResumable(session, "reconstruction", [&] {
    SearchBench bench(config, session);
    PrepareRunFolder(session, {kRoundingName, kCheckpointName});
    bench.OpenSampler();
    const CalibrationStatistics statistics = bench.OpenCalibration();
    const CalibrationCalls calls =
        CollectCalls(bench.sampler(), bench.evaluator_settings().prompts.conditions,
                     {settings.samples, settings.sampling_steps, settings.kept_steps},
                     {config.seed, session.threads, session.interrupted}, progress);
    const ReconstructionJob job{&bench.model().graph,
                                &bench.model().parameters,
                                bench.model().hash,
                                &bench.recipe(),
                                &bench.scheme(),
                                &statistics,
                                &calls,
                                config.weight_bits,
                                config.activation_bits,
                                config.seed};
    const LearnedRounding learned = Reconstruct(
        job, settings,
        {session.out / kCheckpointName, session.threads, &progress, session.interrupted});
    learned.Save(session.out / kRoundingName);
    std::filesystem::remove(session.out / kCheckpointName);
    if (WantsJson(arguments)) {
      return PrintJson({{"model", bench.model().name},
                        {"recipe", config.recipe},
                        {"settings", learned.settings()},
                        {"report", learned.report()},
                        {"rounding", (session.out / kRoundingName).string()}});
    }
    PrintReport(learned.report());
    std::printf("Squared errors of outputs, relative. Wrote %s.\n",
                (session.out / kRoundingName).c_str());
  });
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  tmpq::KeepFreedMemory();
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-reconstruct",
       "Learns which way weights are rounded (AdaRound) and the steps of static activations "
       "(LSQ), for recipes with learned rounding.",
       ""},
      tmpq::DeclareFlags, tmpq::LearnRounding);
}
