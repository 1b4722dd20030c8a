// tmpq-eval --metrics ...: measures samples in files, or those of a plan or a model, with
// intervals; --proxy-study: how far few samples can be trusted.
#include <omp.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "src/core/interrupt.h"
#include "src/eval/files/file_metrics.h"
#include "src/eval/files/metric_networks.h"
#include "src/eval/samples/sample_evaluation.h"
#include "src/eval/study/proxy_study.h"
#include "tools/common/backend.h"
#include "tools/common/config_flags.h"
#include "tools/common/program.h"
#include "tools/common/session.h"
#include "tools/common/source_flags.h"

namespace tmpq {
namespace {

std::optional<ResizeFilter> ReadResize(const cxxopts::ParseResult& arguments) {
  if (arguments.count("resize") == 0) return std::nullopt;
  return ParseResizeFilter(arguments["resize"].as<std::string>());
}

// The value of a flag, or empty.
std::string Given(const cxxopts::ParseResult& arguments, const std::string& flag) {
  return arguments.count(flag) > 0 ? arguments[flag].as<std::string>() : "";
}

FileComparison ReadComparison(const cxxopts::ParseResult& arguments) {
  FileComparison comparison;
  comparison.seed = arguments["seed"].as<uint64_t>();
  comparison.threads = arguments["threads"].as<int>();
  comparison.samples = LoadSamples(Required(arguments, "samples"));
  if (arguments.count("reference") > 0) {
    const std::filesystem::path path = arguments["reference"].as<std::string>();
    if (path.extension() == ".safetensors") {
      comparison.statistics = ReadFeatureStatistics(path);
    } else {
      comparison.reference = LoadSamples(path);
    }
  }
  if (arguments.count("prompts") > 0) {
    PromptSource texts;
    texts.Read(arguments["prompts"].as<std::string>());
    comparison.texts = texts.chosen;
  }
  if (arguments.count("judge") > 0) {
    const auto name = arguments["judge"].as<std::string>();
    comparison.judge = FindWorld(name);
    if (comparison.judge == nullptr) {
      throw Error(ErrorCode::kUsage, "--judge " + name, "is unknown", "known are scenes, sprites");
    }
  }
  return comparison;
}

// The networks that flags name; those that are named are opened, whether they are needed or not.
MetricNetworks ReadNetworks(const cxxopts::ParseResult& arguments, std::set<MetricNeeds> needs,
                            const SampleSet& samples) {
  const MetricNetworkNames names{Given(arguments, "feature-net"), Given(arguments, "text-encoder"),
                                 Given(arguments, "reward-model"), Given(arguments, "frame-net"),
                                 ReadResize(arguments)};
  needs.insert({MetricNeeds::kFeatures, MetricNeeds::kEncoder, MetricNeeds::kRewardModel});
  return {names, needs, samples.dimensions() > 2 ? samples.sample_shape() : Shape{},
          BundledCheckpoints()};
}

std::string Text(double value) {
  if (std::isnan(value)) return "undefined";
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

void PrintNetwork(const Json& network) {
  std::printf("feature network %s, resizing %s\n", network["name"].get<std::string>().c_str(),
              network["preprocessing"]["filter"].get<std::string>().c_str());
}

void PrintLines(const std::vector<FileMetric>& metrics) {
  for (const FileMetric& metric : metrics) {
    const Estimate& estimate = metric.estimate;
    std::printf("%-26s %12s  [%s, %s]  n = %lld%s\n", metric.name.c_str(),
                Text(estimate.value).c_str(), Text(estimate.low).c_str(),
                Text(estimate.high).c_str(), static_cast<long long>(estimate.n),
                metric.unit == "1" ? "" : (", " + metric.unit).c_str());
  }
}

void EvaluateFiles(const cxxopts::ParseResult& arguments) {
  const auto names = ParseFileMetrics(Required(arguments, "metrics"));
  const std::set<MetricNeeds> needs = NeedsOf(names);
  FileComparison comparison = ReadComparison(arguments);
  Json result = {{"samples", comparison.samples.where}};
  if (arguments.count("reference") > 0)
    result["reference"] = arguments["reference"].as<std::string>();
  const MetricNetworks networks = ReadNetworks(arguments, needs, comparison.samples);
  networks.LendTo(comparison);
  for (const auto& [use, network] : networks.ToJson()) result[use] = network;
  const auto begin = std::chrono::steady_clock::now();
  Measurer measurer(std::move(comparison));
  const auto metrics = MeasureFiles(measurer, names);
  if (!WantsJson(arguments)) {
    if (result.contains("feature_net")) PrintNetwork(result["feature_net"]);
    return PrintLines(metrics);
  }
  result["metrics"] = MetricsToJson(metrics);
  result["seconds"] = {
      {"measuring",
       std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()}};
  PrintJson(result);
}

// --samples is a number where the samples are drawn here.
int64_t CountOf(const cxxopts::ParseResult& arguments) {
  const std::string text = Required(arguments, "samples");
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::kUsage, "--samples " + text, "is not a number of samples",
                "with --plan or --model they are drawn here; files are measured without these");
  }
  CheckRange("--samples", static_cast<double>(count), 2, 1'000'000);
  return count;
}

void EvaluateSource(const cxxopts::ParseResult& arguments) {
  TerminalProgress progress = MakeProgress();
  SampleEvaluation evaluation;
  evaluation.source = ReadSource(arguments);
  evaluation.source.in_float = arguments["backend"].as<std::string>() == "float";
  evaluation.against = Given(arguments, "against");
  evaluation.count = CountOf(arguments);
  evaluation.seed = arguments["seed"].as<uint64_t>();
  evaluation.metrics = ParseFileMetrics(Required(arguments, "metrics"), {kSqnrOfSteps});
  evaluation.float_steps = arguments["float-steps"].as<int>();
  evaluation.prompts = Given(arguments, "prompts");
  evaluation.feature_net = Given(arguments, "feature-net");
  evaluation.text_encoder = Given(arguments, "text-encoder");
  evaluation.reward_model = Given(arguments, "reward-model");
  evaluation.frame_net = Given(arguments, "frame-net");
  evaluation.reference = Given(arguments, "reference");
  evaluation.resize = ReadResize(arguments);
  evaluation.threads = arguments["threads"].as<int>();
  evaluation.batch = arguments["batch"].as<int>();
  evaluation.interrupted = &InstallInterruptHandler();
  evaluation.progress = &progress;
  CheckBatch(evaluation.batch);
  const auto backend = arguments["backend"].as<std::string>();
  const kernels::KernelSet& kernels = KernelsOf(backend);
  const std::unique_ptr<Device> device = DeviceOf(backend);
  evaluation.device = device.get();
  const SampleEvaluationResult result = EvaluateSamples(evaluation, kernels);
  if (!WantsJson(arguments)) {
    const auto network = result.networks.find("feature_net");
    if (network != result.networks.end()) PrintNetwork(network->second);
    PrintLines(result.metrics);
    if (!result.differences.empty()) {
      std::printf("minus %s, same noise:\n", evaluation.against.c_str());
      PrintLines(result.differences);
    }
    return;
  }
  Json json = {{"plan", evaluation.source.plan.string()},
               {"model", result.model},
               {"steps", result.steps},
               {"samples", evaluation.count},
               {"seed", evaluation.seed},
               {"float_steps", evaluation.float_steps}};
  if (!result.reference.empty()) json["reference"] = result.reference;
  for (const auto& [use, network] : result.networks) json[use] = network;
  json["metrics"] = MetricsToJson(result.metrics);
  if (!evaluation.against.empty()) {
    json["against"] = evaluation.against;
    json["differences"] = MetricsToJson(result.differences);
  }
  json["seconds"] = result.seconds;
  PrintJson(json);
}

void StudyProxies(const cxxopts::ParseResult& arguments) {
  ProxyStudyConfig config;
  ApplyConfigFlags(arguments, config);
  TerminalProgress progress = MakeProgress();
  const SearchSession session = ReadSession(arguments, progress);
  RunResumable(session, "study", [&] {
    const ProxyStudy study = RunProxyStudy(config, session);
    if (WantsJson(arguments)) {
      PrintJson(StudyToJson(study));
    } else {
      std::printf("%s", TableOf(study).c_str());
      std::printf("Wrote %s/{study.json, study.h5}.\n", session.out.c_str());
    }
  });
}

void Evaluate(const cxxopts::ParseResult& arguments) {
  const int threads = arguments["threads"].as<int>();
  CheckThreads(threads);
  if (threads > 0) omp_set_num_threads(threads);
  if (arguments.count("proxy-study") > 0) return StudyProxies(arguments);
  if (arguments.count("plan") + arguments.count("model") > 0) return EvaluateSource(arguments);
  EvaluateFiles(arguments);
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-eval",
       "Measures samples in files, or those of a plan or a model; each metric with its 95 % "
       "interval.\n\nMetrics (and what they look at; features are given as arrays, or made of "
       "images by --feature-net):\n" +
           tmpq::FileMetricHelp() +
           "  sqnr_steps           with --plan or --model: SQNR to the float model after each "
           "step\n",
       ""},
      [](cxxopts::Options& options) {
        const auto text = [] { return cxxopts::value<std::string>(); };
        options.add_options()(
            "samples",
            "DIR of PNGs or F.npy: images (n,h,w,c) and clips (n,frames,h,w,c), uint8 or float32 "
            "in [-1, 1]; features or logits (n,d). With --plan or --model: how many to draw",
            text())("reference",
                    "the same, or STATS.safetensors, the moments of its features (with --plan or "
                    "--model by default the feature network's training set)",
                    text())("metrics", "names, separated by commas", text())(
            "feature-net",
            "network that makes features: NAME (bundled), FILE of InceptionV3 or of tmpq, FOLDER "
            "with network.json, of CLIP or of VideoMAE (with --plan or --model by default the "
            "model's own)",
            text())("text-encoder",
                    "NAME (bundled), or folder of CLIP: encoder of samples and texts", text())(
            "reward-model",
            "NAME (bundled), or folder of ImageReward or PickScore: which samples of a text are preferred",
            text())("frame-net", "as --feature-net, of single frames (default: random-features)",
                    text())("prompts", "file of texts, one a line, of the samples in turn", text())(
            "judge", "scenes or sprites: who reads captions off samples in files", text())(
            "resize",
            "bicubic (clean-fid), bilinear (pytorch-fid), bilinear-tf1 (torch-fidelity), triangle: "
            "to the network's size; default: bicubic, or what the network's folder says",
            text())("seed", "of noise, and of half-samples of precision, recall, density, coverage",
                    cxxopts::value<uint64_t>()->default_value("0"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"))(
            "batch", "samples per network call; never changes the result",
            cxxopts::value<int>()->default_value("8"));
        const std::string drawn = "Plan or model";
        tmpq::DeclareSourceFlags(options, drawn);
        options.add_options(drawn)("against",
                                   "PLAN, MODEL or float (at the same timesteps): differences to "
                                   "it, paired on the same noise",
                                   text())(
            "float-steps",
            "uniform timesteps of the float model that pairs compare with; 0: the samples' own",
            cxxopts::value<int>()->default_value("0"))(
            "backend", "as of tmpq-run; float: the plan's timesteps in float",
            text()->default_value("cpu"));
        options.add_options("Study")(
            "proxy-study", "how far few samples rank candidates as many do; writes into --out")(
            "out", "folder of study.json, study.h5 and the journal", text())(
            "resume", "go on with the study in --out")("overwrite", "replace the study in --out");
        tmpq::DeclareConfigFlags(options, "Study", tmpq::ProxyStudyConfig(),
                                 {"reference", "feature-net", "text-encoder", "seed", "model",
                                  "steps", "guidance", "prompts"});
      },
      tmpq::Evaluate);
}
