// tmpq-export --plan P --out DIR: a plan as files that other tools read.
#include <cstdio>

#include "src/eval/export/plan_export.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

void Export(const cxxopts::ParseResult& arguments) {
  const std::filesystem::path path = Required(arguments, "plan"), out = Required(arguments, "out");
  const PlanFile plan(path);
  ExportPlan(plan, out, arguments.count("overwrite") > 0);
  if (WantsJson(arguments)) {
    PrintJson({{"plan", path.string()},
               {"plan_hash", plan.hash().Hex()},
               {"model", plan.description().model_name},
               {"steps", plan.description().candidate.steps()},
               {"policies", plan.description().candidate.policies().size()},
               {"out", out.string()}});
  } else {
    std::printf("Wrote %s/{%s, %s, %s, %s}.\n", out.c_str(), kExportedPolicy, kExportedTimesteps,
                kExportedWeights, kExportedCodes);
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-export",
       "Writes a plan as files that other tools read: bit-widths and timesteps as JSON, weights as "
       "safetensors.",
       ""},
      [](cxxopts::Options& options) {
        const auto text = [] { return cxxopts::value<std::string>(); };
        options.add_options()("plan", "plan.safetensors", text())(
            "out",
            "folder of policy.json, timesteps.json, weights.safetensors (dequantized float32) and "
            "codes.safetensors (int8 with scales)",
            text())("overwrite", "replace these files in --out");
      },
      tmpq::Export);
}
