// tmpq-report RUN: a finished search as one page of HTML.
#include <cstdio>

#include "src/core/file.h"
#include "src/eval/report/run_report.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

void Report(const cxxopts::ParseResult& arguments) {
  if (arguments.count("run") == 0) {
    throw Error(ErrorCode::kUsage, "tmpq-report", "needs the folder of a run", "runs/NAME");
  }
  const std::filesystem::path folder = arguments["run"].as<std::string>();
  const std::filesystem::path out = arguments.count("out") > 0
                                        ? std::filesystem::path(arguments["out"].as<std::string>())
                                        : folder / "report.html";
  RefuseToOverwrite(out, arguments.count("overwrite") > 0);
  const std::string page = RenderRunReport(LoadRunReport(folder));
  if (out.has_parent_path()) PrepareFolder(out.parent_path());
  WriteFileAtomically(out, page);
  if (WantsJson(arguments)) {
    PrintJson({{"run", folder.string()}, {"out", out.string()}, {"bytes", page.size()}});
  } else {
    std::printf("Wrote %s.\n", out.c_str());
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-report",
       "Writes a finished search as one page of HTML: rows with intervals, front, timesteps, "
       "bit-widths, samples, times and hashes.",
       "runs/NAME"},
      [](cxxopts::Options& options) {
        const auto text = [] { return cxxopts::value<std::string>(); };
        options.add_options()("run", "folder that tmpq-search wrote", text())(
            "out", "page to write (default: report.html in the run's folder)", text())(
            "overwrite", "replace an existing page");
        options.parse_positional({"run"});
      },
      tmpq::Report);
}
