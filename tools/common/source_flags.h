// The flags that say what samples are drawn from: a plan, or a model in float.
#pragma once

#include <string>

#include "src/eval/models/sample_source.h"
#include "tools/common/program.h"

namespace tmpq {

inline void DeclareSourceFlags(cxxopts::Options& options, const std::string& group) {
  const auto text = [] { return cxxopts::value<std::string>(); };
  options.add_options(group)(
      "plan", "plan.safetensors of tmpq-search; without it --model runs in float", text())(
      "model",
      "bundled model's name (NAME-stress: with outlier channels injected), file or folder; with "
      "--plan: check that it belongs to it",
      text())("steps", "of --model without --plan", cxxopts::value<int>()->default_value("20"))(
      "timesteps",
      "of --model without --plan: uniform, quadratic, log-snr, karras, ays (Align Your Steps), or "
      "a "
      "list such as 999,600,0, which needs no --steps",
      cxxopts::value<std::string>()->default_value("uniform"))(
      "guidance", "of --model without --plan: guidance scale; -1: the model's own",
      cxxopts::value<double>()->default_value("-1"));
}

// Throws kUsage where neither is named, and for flags that a plan answers itself.
inline SourceOptions ReadSource(const cxxopts::ParseResult& arguments) {
  SourceOptions options;
  options.bundled = BundledCheckpoints();
  if (arguments.count("plan") > 0) options.plan = arguments["plan"].as<std::string>();
  if (arguments.count("model") > 0) options.model = arguments["model"].as<std::string>();
  options.steps = arguments["steps"].as<int>();
  options.timesteps = arguments["timesteps"].as<std::string>();
  options.guidance = arguments["guidance"].as<double>();
  if (options.plan.empty() && options.model.empty()) {
    throw Error(ErrorCode::kUsage, "command line", "needs --plan, or --model to sample in float");
  }
  for (const char* flag : {"steps", "timesteps", "guidance"}) {
    if (options.plan.empty() || arguments.count(flag) == 0) continue;
    throw Error(ErrorCode::kUsage, std::string("--") + flag, "is the plan's own",
                "for --model without --plan");
  }
  if (arguments.count("steps") > 0 && options.timesteps.find(',') != std::string::npos) {
    throw Error(ErrorCode::kUsage, "--steps", "contradicts a list of --timesteps",
                "give one of them");
  }
  CheckRange("--guidance", options.guidance, -1, 100);
  return options;
}

}  // namespace tmpq
