// tmpq-eval --samples S --reference R --metrics ...: measures samples in files, with intervals.
#include <omp.h>

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/eval/files/file_metrics.h"
#include "src/eval/study/proxy_study.h"
#include "src/models/feature_net.h"
#include "src/models/model_file.h"
#include "tools/common/config_flags.h"
#include "tools/common/program.h"
#include "tools/common/session.h"

namespace tmpq {
namespace {

// The network that makes features of images, by name.
struct FeatureNet {
  ModelFile model;
  FeatureExtractor extractor;

  explicit FeatureNet(const std::string& name)
      : model(ModelFile::Load(FindModel(name, BundledCheckpoints()))),
        extractor(model.graph.CutAfter(kFeatureNode), model.parameters, model.hash,
                  kernels::BestKernels()) {}
};

FileComparison ReadComparison(const cxxopts::ParseResult& arguments) {
  FileComparison comparison;
  comparison.seed = arguments["seed"].as<uint64_t>();
  if (arguments.count("resize") > 0)
    comparison.resize = ParseResizeFilter(arguments["resize"].as<std::string>());
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

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

Json NumberOrNull(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void PrintLines(const std::vector<FileMetric>& metrics) {
  for (const FileMetric& metric : metrics) {
    const Estimate& estimate = metric.estimate;
    std::printf("%-20s %12s  [%s, %s]  n = %lld%s\n", metric.name.c_str(),
                Text(estimate.value).c_str(), Text(estimate.low).c_str(),
                Text(estimate.high).c_str(), static_cast<long long>(estimate.n),
                metric.unit == "1" ? "" : (", " + metric.unit).c_str());
  }
}

void EvaluateFiles(const cxxopts::ParseResult& arguments) {
  const int threads = arguments["threads"].as<int>();
  CheckThreads(threads);
  if (threads > 0) omp_set_num_threads(threads);
  const auto names = ParseFileMetrics(Required(arguments, "metrics"));
  FileComparison comparison = ReadComparison(arguments);
  std::unique_ptr<FeatureNet> network;
  Json result = {{"samples", comparison.samples.where}};
  if (arguments.count("reference") > 0)
    result["reference"] = arguments["reference"].as<std::string>();
  if (arguments.count("feature-net") > 0) {
    network = std::make_unique<FeatureNet>(arguments["feature-net"].as<std::string>());
    comparison.features = &network->extractor;
    result["feature_net"] = {{"name", network->model.name}, {"hash", network->model.hash.Hex()}};
  }
  const auto metrics = MeasureFiles(std::move(comparison), names);
  if (!WantsJson(arguments)) return PrintLines(metrics);
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
  if (arguments.count("proxy-study") > 0) return StudyProxies(arguments);
  EvaluateFiles(arguments);
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
            "feature-net", "NAME (bundled), folder or file of the network that makes features",
            text())("resize",
                    "bicubic (clean-fid), bilinear (pytorch-fid), bilinear-tf1: filter to the "
                    "feature network's size",
                    text())("seed", "of the half-samples of precision, recall, density, coverage",
                            cxxopts::value<uint64_t>()->default_value("0"))(
            "threads", "0: one per core; never changes the result",
            cxxopts::value<int>()->default_value("0"));
        options.add_options("Study")(
            "proxy-study", "how far few samples rank candidates as many do; writes into --out")(
            "out", "folder of study.json, study.h5 and the journal", text())(
            "resume", "go on with the study in --out")("overwrite", "replace the study in --out")(
            "batch", "images per network call of a thread; never changes the result",
            cxxopts::value<int>()->default_value("8"));
        tmpq::DeclareConfigFlags(options, "Study", tmpq::ProxyStudyConfig(),
                                 {"reference", "feature-net", "seed"});
      },
      tmpq::Evaluate);
}
