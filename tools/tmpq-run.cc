// tmpq-run --plan P --out FILE: draws samples with a plan on the integer runtime, or with a model
// in float.
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/core/file.h"
#include "src/core/interrupt.h"
#include "src/data/image_writer.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/models/sample_source.h"
#include "src/runtime/device/device_sampling.h"
#include "tools/common/backend.h"
#include "tools/common/program.h"
#include "tools/common/source_flags.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxCount = 1'000'000;

struct RunOptions {
  SourceOptions source;
  std::filesystem::path out;
  std::string backend;
  int64_t count = 0;
  uint64_t seed = 0;
  SamplerOptions sampler;
};

RunOptions ReadOptions(const cxxopts::ParseResult& arguments) {
  RunOptions options;
  options.out = Required(arguments, "out");
  options.backend = arguments["backend"].as<std::string>();
  options.source = ReadSource(arguments);
  options.source.in_float = options.backend == "float";
  options.count = arguments["count"].as<int64_t>();
  options.seed = arguments["seed"].as<uint64_t>();
  options.sampler.batch = arguments["batch"].as<int>();
  options.sampler.threads = arguments["threads"].as<int>();
  CheckRange("--count", static_cast<double>(options.count), 1, static_cast<double>(kMaxCount));
  CheckBatch(options.sampler.batch);
  CheckThreads(options.sampler.threads);
  CheckImageExtension(options.out);
  RefuseToOverwrite(options.out, arguments.count("overwrite") > 0);
  return options;
}

Prompts PromptsOf(const cxxopts::ParseResult& arguments, const SampleSource& source) {
  PromptSource texts = source.prompt_source();
  if (arguments.count("prompts") > 0) texts.Read(arguments["prompts"].as<std::string>());
  if (arguments.count("prompt") > 0) texts.chosen = {arguments["prompt"].as<std::string>()};
  Prompts prompts = MakePrompts(source.sampler(), texts);
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
  const RunOptions options = ReadOptions(arguments);
  const kernels::KernelSet& kernels = KernelsOf(options.backend);
  const std::unique_ptr<Device> device = DeviceOf(options.backend);
  const SampleSource source(options.source, kernels);
  const DiffusionSampler& sampler = source.sampler();
  if (options.out.extension() == ".gif" && sampler.sample_shape().size() != 4) {
    throw Error(ErrorCode::kUsage, options.out.string(), "is for clips, and the model makes images",
                ".png or .npy");
  }
  const Prompts prompts = PromptsOf(arguments, source);
  const SampleRequest request{options.seed, RandomPurpose::kSampleNoise, 0, options.count,
                              prompts.conditions};
  if (options.out.has_parent_path()) PrepareFolder(options.out.parent_path());
  TerminalProgress progress = MakeProgress();
  SamplerOptions sampling = options.sampler;  // holds memory of the device
  sampling.progress = &progress;
  sampling.interrupted = &InstallInterruptHandler();
  if (device != nullptr)
    sampling.network_call = MakeDeviceCalls(sampler.network(), *device, 2 * sampling.batch)();
  progress.Begin("sampling", options.count, "samples");
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<float> samples = sampler.Sample(source.Run(), request, sampling);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  progress.End();
  const Json alignment = ReportAlignment(prompts, samples, options.count);
  const Pictures pictures =
      DecodeSamples(source.pipeline(), samples, sampler.sample_shape(), options.sampler.threads);
  WriteImages(options.out, BatchOf(pictures.values, options.count, pictures.shape));
  const std::string executor = device != nullptr ? device->name() : kernels.name;
  if (WantsJson(arguments)) {
    PrintJson({{"plan", options.source.plan.string()},
               {"model", source.name()},
               {"steps", source.timesteps().size()},
               {"kernels", executor},
               {"count", options.count},
               {"seed", options.seed},
               {"seconds", seconds.count()},
               {"alignment", alignment},
               {"out", options.out.string()}});
  } else {
    std::fprintf(stderr, "%.3g ms a sample on %s; wrote %s\n",
                 1e3 * seconds.count() / static_cast<double>(options.count), executor.c_str(),
                 options.out.c_str());
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
        const auto text = [] { return cxxopts::value<std::string>(); };
        tmpq::DeclareSourceFlags(options, "");
        options.add_options()("out",
                              "FILE.png (a grid), FILE.gif (clips), or FILE.npy (float32, count x "
                              "[frames x] height x width x channels)",
                              text())("backend",
                                      "cpu (fastest here), reference, avx2, avx512vnni, cuda, "
                                      "emulated (a GPU on a CPU, slow): same bytes; float: the "
                                      "plan's timesteps in float",
                                      text()->default_value("cpu"))(
            "count", "samples", cxxopts::value<int64_t>()->default_value("64"))(
            "seed", "of the noise", cxxopts::value<uint64_t>()->default_value("0"))(
            "class", "label of all images (default: all labels in turn)", cxxopts::value<int>())(
            "prompt", "text of all images (default: the model's own prompts in turn)", text())(
            "prompts",
            "file of prompts, one a line, or encoded ones in .safetensors, taken in turn",
            text())("batch", "images per network call; never changes the result",
                    cxxopts::value<int>()->default_value("8"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"))("overwrite", "replace an existing file");
      },
      tmpq::Run);
}
