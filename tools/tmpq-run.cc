// tmpq-run --plan P --out FILE: draws samples with a plan on the integer runtime.
#include <cstdio>
#include <string>

#include "kernels/include/kernels.h"
#include "src/core/file.h"
#include "src/core/interrupt.h"
#include "src/data/image_writer.h"
#include "src/eval/proxies/prompts.h"
#include "src/models/model_file.h"
#include "src/runtime/plan_file.h"
#include "src/runtime/sampler.h"
#include "tools/common/backend.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxCount = 1'000'000;
constexpr int kMaxBatch = 1024;

struct RunOptions {
  std::filesystem::path plan, out;
  std::string backend, model;
  int64_t count = 0;
  uint64_t seed = 0;
  int label = 0;  // with --class; else all in turn
  SamplerOptions sampler;
  bool overwrite = false;
};

RunOptions ReadOptions(const cxxopts::ParseResult& arguments) {
  RunOptions options;
  options.plan = Required(arguments, "plan");
  options.out = Required(arguments, "out");
  options.backend = arguments["backend"].as<std::string>();
  if (arguments.count("model") > 0) options.model = arguments["model"].as<std::string>();
  options.count = arguments["count"].as<int64_t>();
  options.seed = arguments["seed"].as<uint64_t>();
  if (arguments.count("class") > 0) options.label = arguments["class"].as<int>();
  options.sampler.batch = arguments["batch"].as<int>();
  options.sampler.threads = arguments["threads"].as<int>();
  options.overwrite = arguments.count("overwrite") > 0;
  CheckRange("--count", static_cast<double>(options.count), 1, static_cast<double>(kMaxCount));
  CheckRange("--batch", static_cast<double>(options.sampler.batch), 1, kMaxBatch);
  CheckThreads(options.sampler.threads);
  CheckImageExtension(options.out);
  RefuseToOverwrite(options.out, options.overwrite);
  return options;
}

// The model that a plan was made from, checked.
ModelFile LoadModelOfPlan(const PlanFile& plan, const std::string& name) {
  const std::string wanted = name.empty() ? plan.description().model_name : name;
  const auto path = FindModel(wanted, BundledCheckpoints());
  ModelFile model = ModelFile::Load(path);
  if (model.hash != plan.description().model_hash) {
    throw Error(ErrorCode::kInput, path.string(), "is another model than the plan was made from",
                "the plan belongs to " + plan.description().model_name + " of hash " +
                    plan.description().model_hash.Hex());
  }
  return model;
}

void Run(const cxxopts::ParseResult& arguments) {
  RunOptions options = ReadOptions(arguments);
  const kernels::KernelSet& kernels = KernelsOf(options.backend);
  const PlanFile plan(options.plan);
  const PlanDescription& description = plan.description();
  const bool in_float = options.backend == "float";
  // Float weights are not part of a plan.
  const ParameterSet parameters = in_float || !options.model.empty()
                                      ? LoadModelOfPlan(plan, options.model).parameters
                                      : plan.parameters();
  const RuntimeNetwork network(description.graph, parameters, kernels);
  const DiffusionSampler sampler(network, description.schedule, description.sampler);
  std::vector<std::string> chosen;
  if (arguments.count("prompt") > 0) chosen = {arguments["prompt"].as<std::string>()};
  if (arguments.count("prompts") > 0) chosen = ReadPrompts(arguments["prompts"].as<std::string>());
  SampleRequest request{
      options.seed, RandomPurpose::kSampleNoise, 0, options.count,
      MakePrompts(sampler, description.text, chosen, options.plan.string()).conditions};
  if (arguments.count("class") > 0 && request.conditions.width != 1) {
    throw Error(ErrorCode::kUsage, "--class", "the model has no labels", "use --prompt");
  }
  if (arguments.count("class") > 0) {
    CheckRange("--class", options.label, 0, static_cast<int>(request.conditions.rows()) - 1);
    request.conditions.values = {options.label};
  }
  const SamplingRun run = in_float ? sampler.PrepareFloat(description.candidate.timesteps())
                                   : sampler.Prepare(description.candidate, &plan.weights());

  if (options.out.has_parent_path()) PrepareFolder(options.out.parent_path());
  TerminalProgress progress = MakeProgress();
  options.sampler.progress = &progress;
  options.sampler.interrupted = &InstallInterruptHandler();
  progress.Begin("sampling", options.count, "images");
  const std::vector<float> samples = sampler.Sample(run, request, options.sampler);
  progress.End();
  const Shape& shape = description.graph.output_shape();
  WriteImages(options.out, {samples, options.count, shape[0], shape[1], shape[2]});
  if (WantsJson(arguments)) {
    PrintJson({{"plan", options.plan.string()},
               {"model", description.model_name},
               {"steps", description.candidate.steps()},
               {"kernels", kernels.name},
               {"count", options.count},
               {"seed", options.seed},
               {"out", options.out.string()}});
  } else {
    std::fprintf(stderr, "wrote %s\n", options.out.c_str());
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv, {"tmpq-run", "Draws samples with a plan on the integer runtime.", ""},
      [](cxxopts::Options& options) {
        options.add_options()("plan", "plan.safetensors of tmpq-search",
                              cxxopts::value<std::string>())(
            "out", "FILE.png (a grid) or FILE.npy (float32, count x height x width x channels)",
            cxxopts::value<std::string>())("backend",
                                           "cpu (fastest here), reference, avx2, avx512vnni: same "
                                           "bytes; float: the plan's timesteps in float",
                                           cxxopts::value<std::string>()->default_value("cpu"))(
            "model", "check that the plan belongs to this model (name, folder or file)",
            cxxopts::value<std::string>())("count", "images",
                                           cxxopts::value<int64_t>()->default_value("64"))(
            "seed", "of the noise", cxxopts::value<uint64_t>()->default_value("0"))(
            "class", "label of all images (default: all labels in turn)", cxxopts::value<int>())(
            "prompt", "text of all images (default: the model's own prompts in turn)",
            cxxopts::value<std::string>())("prompts", "file of prompts, one a line, taken in turn",
                                           cxxopts::value<std::string>())(
            "batch", "images per network call of a thread; never changes the result",
            cxxopts::value<int>()->default_value("8"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"))("overwrite", "replace an existing file");
      },
      tmpq::Run);
}
