// tmpq-run --plan P --out FILE: draws samples with a plan on the integer runtime, or with a model
// in float.
#include <cstdio>
#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/core/file.h"
#include "src/core/interrupt.h"
#include "src/data/image_writer.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/proxies/prompts.h"
#include "src/models/stress.h"
#include "src/runtime/plan_file.h"
#include "src/runtime/sampler.h"
#include "tools/common/backend.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxCount = 1'000'000;
constexpr int kMaxBatch = 1024;

struct RunOptions {
  std::filesystem::path plan, out;  // without a plan, `model` runs in float
  std::string backend, model;
  int64_t count = 0;
  uint64_t seed = 0;
  int steps = 0;
  double guidance = -1;  // -1: the model's own
  SamplerOptions sampler;
};

RunOptions ReadOptions(const cxxopts::ParseResult& arguments) {
  RunOptions options;
  options.out = Required(arguments, "out");
  options.backend = arguments["backend"].as<std::string>();
  if (arguments.count("plan") > 0) options.plan = arguments["plan"].as<std::string>();
  if (arguments.count("model") > 0) options.model = arguments["model"].as<std::string>();
  options.count = arguments["count"].as<int64_t>();
  options.seed = arguments["seed"].as<uint64_t>();
  options.steps = arguments["steps"].as<int>();
  options.guidance = arguments["guidance"].as<double>();
  options.sampler.batch = arguments["batch"].as<int>();
  options.sampler.threads = arguments["threads"].as<int>();
  if (options.plan.empty() && options.model.empty()) {
    throw Error(ErrorCode::kUsage, "command line", "needs --plan, or --model to sample in float");
  }
  for (const char* flag : {"steps", "guidance"}) {
    if (options.plan.empty() || arguments.count(flag) == 0) continue;
    throw Error(ErrorCode::kUsage, std::string("--") + flag, "is the plan's own",
                "for --model without --plan");
  }
  CheckRange("--guidance", options.guidance, -1, 100);
  CheckRange("--count", static_cast<double>(options.count), 1, static_cast<double>(kMaxCount));
  CheckRange("--batch", static_cast<double>(options.sampler.batch), 1, kMaxBatch);
  CheckThreads(options.sampler.threads);
  CheckImageExtension(options.out);
  RefuseToOverwrite(options.out, arguments.count("overwrite") > 0);
  return options;
}

// "NAME-stress" is the stress variant of model NAME.
ModelFile LoadForRun(const std::string& name) {
  const std::string ending = "-stress";
  if (name.size() <= ending.size() || !name.ends_with(ending)) {
    return LoadAnyModel(name, BundledCheckpoints());
  }
  return StressVariant(
      LoadAnyModel(name.substr(0, name.size() - ending.size()), BundledCheckpoints()));
}

// The model that a plan was made from, checked.
ModelFile LoadModelOfPlan(const PlanFile& plan, const std::string& name) {
  const std::string wanted = name.empty() ? plan.description().model_name : name;
  ModelFile model = LoadForRun(wanted);
  if (model.hash != plan.description().model_hash) {
    throw Error(ErrorCode::kInput, wanted, "is another model than the plan was made from",
                "the plan belongs to " + plan.description().model_name + " of hash " +
                    plan.description().model_hash.Hex());
  }
  return model;
}

// What is sampled from: a plan, or a model in float.
struct Source {
  std::string name;
  std::unique_ptr<PlanFile> plan;  // null: in float at uniform timesteps
  Graph graph;
  ParameterSet parameters;
  NoiseSchedule schedule;
  SamplerSettings sampler;
  TimestepSequence timesteps;
  Json text;
  std::string pipeline;  // folder of text encoders and autoencoder, or empty
};

Source OpenSource(const RunOptions& options) {
  if (options.plan.empty()) {
    ModelFile model = LoadForRun(options.model);
    const std::string where = "model " + model.name;
    Source source{model.name,        nullptr,          model.graph, model.parameters,
                  ScheduleOf(model), SamplerOf(model), {},          TextOf(model.sampling),
                  PipelineOf(model)};
    CheckRange("--steps", options.steps, 1, source.schedule.training_steps());
    if (options.guidance >= 0) {
      source.sampler.guidance_scale = options.guidance;
      source.sampler.guidance_ranges.clear();
    }
    source.timesteps = UniformTimesteps(options.steps, source.schedule.training_steps());
    return source;
  }
  auto plan = std::make_unique<PlanFile>(options.plan);
  const PlanDescription& description = plan->description();
  // Float weights are not part of a plan.
  const bool in_float = options.backend == "float";
  ParameterSet parameters = in_float || !options.model.empty()
                                ? LoadModelOfPlan(*plan, options.model).parameters
                                : plan->parameters();
  Source source{description.model_name,
                nullptr,
                description.graph,
                std::move(parameters),
                description.schedule,
                description.sampler,
                description.candidate.timesteps(),
                description.text,
                description.pipeline};
  if (!in_float) source.plan = std::move(plan);
  // A plan that was moved finds its pipeline where --model says.
  if (!source.pipeline.empty() && !options.model.empty()) source.pipeline = options.model;
  return source;
}

Prompts PromptsOf(const cxxopts::ParseResult& arguments, const DiffusionSampler& sampler,
                  const Source& source) {
  PromptSource texts{source.name, source.text, source.pipeline, {}, {}};
  if (arguments.count("prompts") > 0) texts.Read(arguments["prompts"].as<std::string>());
  if (arguments.count("prompt") > 0) texts.chosen = {arguments["prompt"].as<std::string>()};
  Prompts prompts = MakePrompts(sampler, texts);
  if (arguments.count("class") == 0) return prompts;
  if (prompts.conditions.width != 1) {
    throw Error(ErrorCode::kUsage, "--class", "the model has no labels", "use --prompt");
  }
  const int label = arguments["class"].as<int>();
  CheckRange("--class", label, 0, static_cast<int>(prompts.conditions.rows()) - 1);
  prompts.conditions.values = {label};
  return prompts;
}

// How well the samples follow their prompts, where a judge can tell; in words on stderr.
Json ReportAlignment(const Prompts& prompts, std::span<const float> samples, int64_t count) {
  Json json = Json::object();
  if (prompts.judge.empty() || count < 2) return json;
  std::string text = "samples show of their prompts:";
  for (const auto& [name, estimate] : JudgeAttributes(prompts, samples, count)) {
    char number[64];
    std::snprintf(number, sizeof(number), " %.3f [%.3f, %.3f]", estimate.value, estimate.low,
                  estimate.high);
    text += " " + name + number;
    json[name] = {{"value", estimate.value},
                  {"low", estimate.low},
                  {"high", estimate.high},
                  {"n", estimate.n}};
  }
  std::fprintf(stderr, "%s\n", text.c_str());
  return json;
}

void Run(const cxxopts::ParseResult& arguments) {
  RunOptions options = ReadOptions(arguments);
  const kernels::KernelSet& kernels = KernelsOf(options.backend);
  const Source source = OpenSource(options);
  const RuntimeNetwork network(source.graph, source.parameters, kernels);
  const DiffusionSampler sampler(network, source.schedule, source.sampler);
  if (options.out.extension() == ".gif" && sampler.sample_shape().size() != 4) {
    throw Error(ErrorCode::kUsage, options.out.string(), "is for clips, and the model makes images",
                ".png or .npy");
  }
  const Prompts prompts = PromptsOf(arguments, sampler, source);
  const SampleRequest request{options.seed, RandomPurpose::kSampleNoise, 0, options.count,
                              prompts.conditions};
  const SamplingRun run =
      source.plan != nullptr
          ? sampler.Prepare(source.plan->description().candidate, &source.plan->weights())
          : sampler.PrepareFloat(source.timesteps);

  if (options.out.has_parent_path()) PrepareFolder(options.out.parent_path());
  TerminalProgress progress = MakeProgress();
  options.sampler.progress = &progress;
  options.sampler.interrupted = &InstallInterruptHandler();
  progress.Begin("sampling", options.count, "samples");
  const std::vector<float> samples = sampler.Sample(run, request, options.sampler);
  progress.End();
  const Json alignment = ReportAlignment(prompts, samples, options.count);
  const Pictures pictures =
      DecodeSamples(source.pipeline, samples, sampler.sample_shape(), options.sampler.threads);
  WriteImages(options.out, BatchOf(pictures.values, options.count, pictures.shape));
  if (WantsJson(arguments)) {
    PrintJson({{"plan", options.plan.string()},
               {"model", source.name},
               {"steps", source.timesteps.size()},
               {"kernels", kernels.name},
               {"count", options.count},
               {"seed", options.seed},
               {"alignment", alignment},
               {"out", options.out.string()}});
  } else {
    std::fprintf(stderr, "wrote %s\n", options.out.c_str());
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-run", "Draws samples with a plan on the integer runtime, or with a model in float.",
       ""},
      [](cxxopts::Options& options) {
        options.add_options()(
            "plan", "plan.safetensors of tmpq-search; without it --model runs in float",
            cxxopts::value<std::string>())("steps", "of --model without --plan: uniform timesteps",
                                           cxxopts::value<int>()->default_value("20"))(
            "guidance", "of --model without --plan: guidance scale; -1: the model's own",
            cxxopts::value<double>()->default_value("-1"))(
            "out",
            "FILE.png (a grid), FILE.gif (clips), or FILE.npy (float32, count x [frames x] height "
            "x width x "
            "channels)",
            cxxopts::value<std::string>())("backend",
                                           "cpu (fastest here), reference, avx2, avx512vnni: same "
                                           "bytes; float: the plan's timesteps in float",
                                           cxxopts::value<std::string>()->default_value("cpu"))(
            "model",
            "bundled model's name, file or folder; with --plan: check that it belongs to it",
            cxxopts::value<std::string>())("count", "samples",
                                           cxxopts::value<int64_t>()->default_value("64"))(
            "seed", "of the noise", cxxopts::value<uint64_t>()->default_value("0"))(
            "class", "label of all images (default: all labels in turn)", cxxopts::value<int>())(
            "prompt", "text of all images (default: the model's own prompts in turn)",
            cxxopts::value<std::string>())(
            "prompts",
            "file of prompts, one a line, or encoded ones in .safetensors, taken in turn",
            cxxopts::value<std::string>())(
            "batch", "images per network call of a thread; never changes the result",
            cxxopts::value<int>()->default_value("8"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"))("overwrite", "replace an existing file");
      },
      tmpq::Run);
}
