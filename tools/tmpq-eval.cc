// tmpq-eval --samples S --reference R --metrics ...: measures samples in files, with intervals.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "src/eval/files/file_metrics.h"
#include "src/eval/models/feature_space.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

FileComparison ReadComparison(const cxxopts::ParseResult& arguments) {
  FileComparison comparison;
  comparison.seed = arguments["seed"].as<uint64_t>();
  comparison.samples = LoadSamples(Required(arguments, "samples"));
  if (arguments.count("reference") > 0) {
    const std::filesystem::path path = arguments["reference"].as<std::string>();
    if (path.extension() == ".safetensors") {
      comparison.statistics = ReadFeatureStatistics(path);
    } else {
      comparison.reference = LoadSamples(path);
    }
  }
  return comparison;
}

// The outputs of --feature-net that the metrics look at; features are always opened.
class FeatureNet {
 public:
  FeatureNet(const cxxopts::ParseResult& arguments, const std::vector<std::string>& metrics,
             FileComparison& comparison) {
    const SampleSet& samples = comparison.samples;
    const auto name = arguments["feature-net"].as<std::string>();
    const Shape shape = samples.dimensions() > 2 ? samples.sample_shape() : Shape{};
    FeatureSpaceOptions options;
    if (arguments.count("resize") > 0)
      options.resize = ParseResizeFilter(arguments["resize"].as<std::string>());
    const auto open = [&](FeatureOutput output) {
      options.output = output;
      return OpenFeatureSpace(name, shape, BundledCheckpoints(), options);
    };
    const auto wants = [&](const char* metric) {
      return !shape.empty() && std::find(metrics.begin(), metrics.end(), metric) != metrics.end();
    };
    features_ = open(FeatureOutput::kFeatures);
    if (wants("sfd")) spatial_ = open(FeatureOutput::kMaps);
    if (wants("class_score")) logits_ = open(FeatureOutput::kLogits);
    comparison.features = features_.features.get();
    comparison.spatial = spatial_.features.get();
    comparison.logits = logits_.features.get();
    comparison.inception = features_.is_inception;
  }

  Json ToJson() const {
    return {{"name", features_.name},
            {"hash", features_.features->hash().Hex()},
            {"preprocessing", tmpq::ToJson(features_.features->preprocessing())}};
  }

 private:
  FeatureSpace features_, spatial_, logits_;
};

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

Json NumberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void PrintNetwork(const Json& network) {
  std::printf("feature network %s, resizing %s\n", network["name"].get<std::string>().c_str(),
              network["preprocessing"]["filter"].get<std::string>().c_str());
}

void PrintLines(const std::vector<FileMetric>& metrics) {
  for (const FileMetric& metric : metrics) {
    const Estimate& estimate = metric.estimate;
    std::printf("%-20s %12s  [%s, %s]  n = %lld%s\n", metric.name.c_str(),
                Text(estimate.value).c_str(), Text(estimate.low).c_str(),
                Text(estimate.high).c_str(), static_cast<long long>(estimate.n),
                metric.unit == "1" ? "" : (", " + metric.unit).c_str());
  }
}

void Evaluate(const cxxopts::ParseResult& arguments) {
  const int threads = arguments["threads"].as<int>();
  CheckThreads(threads);
  if (threads > 0) omp_set_num_threads(threads);
  const auto names = ParseFileMetrics(Required(arguments, "metrics"));
  FileComparison comparison = ReadComparison(arguments);
  std::optional<FeatureNet> network;
  Json result = {{"samples", comparison.samples.where}};
  if (arguments.count("reference") > 0)
    result["reference"] = arguments["reference"].as<std::string>();
  if (arguments.count("feature-net") > 0) {
    network.emplace(arguments, names, comparison);
    result["feature_net"] = network->ToJson();
  }
  const auto metrics = MeasureFiles(std::move(comparison), names);
  if (!WantsJson(arguments)) {
    if (network.has_value()) PrintNetwork(result["feature_net"]);
    return PrintLines(metrics);
  }
  for (const FileMetric& metric : metrics) {
    const Estimate& estimate = metric.estimate;
    result["metrics"][metric.name] = {{"value", NumberOrNull(estimate.value)},
                                      {"low", NumberOrNull(estimate.low)},
                                      {"high", NumberOrNull(estimate.high)},
                                      {"n", estimate.n},
                                      {"unit", metric.unit}};
  }
  PrintJson(result);
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-eval",
       "Measures samples in files; each metric with its 95 % interval.\n\nMetrics (and what they "
       "look at; features are given as arrays, or made of images by --feature-net):\n" +
           tmpq::FileMetricHelp(),
       ""},
      [](cxxopts::Options& options) {
        const auto text = [] { return cxxopts::value<std::string>(); };
        options.add_options()("samples",
                              "DIR of PNGs or F.npy: images (n,h,w,c) and clips (n,frames,h,w,c), "
                              "uint8 or float32 in [-1, 1]; features or logits (n,d)",
                              text())("reference",
                                      "the same, or STATS.safetensors, the moments of its features",
                                      text())("metrics", "names, separated by commas", text())(
            "feature-net",
            "network that makes features: NAME (bundled), FILE of InceptionV3 or of tmpq, FOLDER "
            "with network.json, of CLIP or of VideoMAE",
            text())(
            "resize",
            "bicubic (clean-fid), bilinear (pytorch-fid), bilinear-tf1 (torch-fidelity), triangle: "
            "to the network's size; default: bicubic, or what the network's folder says",
            text())("seed", "of the half-samples of precision, recall, density, coverage",
                    cxxopts::value<uint64_t>()->default_value("0"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"));
      },
      tmpq::Evaluate);
}
