// tmpq-bench VERB: what is measured is in bench/ and, of algorithms, in src/eval/study.
#include <algorithm>
#include <cstdio>
#include <string>

#include "bench/evaluation_bench.h"
#include "bench/kernel_bench.h"
#include "bench/latency_bench.h"
#include "bench/model_bench.h"
#include "bench/network_bench.h"
#include "bench/network_cases.h"
#include "bench/roofline_bench.h"
#include "bench/supernet_bench.h"
#include "bench/worker_bench.h"
#include "src/core/config.h"
#include "src/core/file.h"
#include "src/eval/study/algorithm_outputs.h"
#include "tools/common/backend.h"
#include "tools/common/program.h"
#include "tools/common/session.h"

namespace tmpq {
namespace {

constexpr const char* kVerbs = "kernels, model, networks, latency, search, workers or algorithms";
constexpr int kMaxRepetitions = 10'000;
constexpr int kMaxThreads = 1024;
constexpr double kMaxSeconds = 60;
constexpr int kMaxCandidates = 1000, kMaxSteps = 1000, kMaxSamples = 10'000;
constexpr int kMostEvaluations = 5;  // repetitions, each of many seconds
constexpr int kMostNetworkCalls = 3;
constexpr int kMaxWorkers = 100'000;
constexpr double kMaxEvaluationSeconds = 1e6;

// A result, and how people read it.
struct Measured {
  Json json;
  std::string text;
};

ContestSettings ReadContest(const cxxopts::ParseResult& arguments) {
  ContestSettings contest;
  contest.repetitions = arguments["repetitions"].as<int>();
  contest.seconds = arguments["seconds"].as<double>();
  CheckRange("--repetitions", contest.repetitions, 1, kMaxRepetitions);
  CheckRange("--seconds", contest.seconds, 1e-6, kMaxSeconds);
  return contest;
}

std::vector<int> ReadThreads(const cxxopts::ParseResult& arguments) {
  auto threads = arguments["threads"].as<std::vector<int>>();
  for (const int count : threads) CheckRange("--threads", count, 1, kMaxThreads);
  return threads;
}

// --batch, or what is usual.
int64_t ReadBatch(const cxxopts::ParseResult& arguments, int64_t usual) {
  const int64_t batch = arguments.count("batch") > 0 ? arguments["batch"].as<int>() : usual;
  CheckBatch(batch);
  return batch;
}

Measured MeasureKernels(const cxxopts::ParseResult& arguments, Progress& progress) {
  KernelBenchSettings settings;
  settings.shapes = arguments["shapes"].as<std::string>();
  settings.bundled = BundledCheckpoints();
  settings.batch = ReadBatch(arguments, settings.batch);
  settings.threads = ReadThreads(arguments);
  settings.contest = ReadContest(arguments);
  if (arguments.count("roofline") > 0) {
    const Json predicted = PredictKernels(settings, progress);
    return {predicted, RooflineText(predicted)};
  }
  const Json json = BenchKernels(settings, progress);
  return {json, KernelBenchText(json)};
}

Measured MeasureModel(const cxxopts::ParseResult& arguments, Progress& progress) {
  ModelBenchSettings settings;
  settings.model = arguments["model"].as<std::string>();
  settings.bundled = BundledCheckpoints();
  settings.batch = ReadBatch(arguments, settings.batch);
  settings.threads = ReadThreads(arguments);
  settings.openvino = arguments["openvino"].as<std::string>();
  settings.scripts = BundledCheckpoints().parent_path() / "scripts";
  settings.contest = ReadContest(arguments);
  const Json json = BenchModel(settings, progress);
  return {json, ModelBenchText(json)};
}

// For one number of threads.
Measured MeasureLatency(const cxxopts::ParseResult& arguments, Progress& progress) {
  LatencyBenchSettings settings;
  settings.model = arguments["model"].as<std::string>();
  settings.recipe = arguments["recipe"].as<std::string>();
  settings.bundled = BundledCheckpoints();
  settings.batch = ReadBatch(arguments, settings.batch);
  if (arguments.count("bits") > 0) settings.bits = arguments["bits"].as<std::vector<int>>();
  for (const int bits : settings.bits) CheckRange("--bits", bits, 2, 8);
  if (arguments.count("threads") > 0) {
    const std::vector<int> threads = ReadThreads(arguments);
    CheckRange("--threads: how many numbers", threads.size(), 1, 1);
    settings.threads = threads[0];
  }
  settings.repetitions = ReadContest(arguments).repetitions;
  const auto backend = arguments["backend"].as<std::string>();
  settings.kernels = &KernelsOf(backend, {.devices = false, .in_float = false});
  const LatencyTable table = BenchLatency(settings, progress);
  return {table.ToJson(), LatencyBenchText(table)};
}

Measured MeasureNetworks(const cxxopts::ParseResult& arguments, Progress& progress) {
  NetworkBenchSettings settings;
  settings.networks = arguments.count("networks") > 0
                          ? arguments["networks"].as<std::vector<std::string>>()
                          : UsualNetworks();
  settings.batch = ReadBatch(arguments, settings.batch);
  const std::vector<int> threads = ReadThreads(arguments);
  settings.threads = *std::max_element(threads.begin(), threads.end());
  settings.calls = std::min(ReadContest(arguments).repetitions, kMostNetworkCalls);
  const Json json = BenchNetworks(settings, progress);
  return {json, NetworkBenchText(json)};
}

Measured MeasureSearch(const cxxopts::ParseResult& arguments, Progress& progress) {
  SupernetBenchSettings settings;
  settings.model = arguments["model"].as<std::string>();
  settings.recipe = arguments["recipe"].as<std::string>();
  settings.bundled = BundledCheckpoints();
  settings.batch = ReadBatch(arguments, settings.batch);
  settings.contest = ReadContest(arguments);
  Json json = BenchSupernet(settings, progress);
  std::string text = SupernetBenchText(json);
  EvaluationBenchSettings evaluation;
  evaluation.model = settings.model, evaluation.bundled = settings.bundled;
  evaluation.contest = settings.contest;
  evaluation.contest.repetitions = std::min(evaluation.contest.repetitions, kMostEvaluations);
  const auto read = [&](const char* name, int& value, int least, int most) {
    value = arguments[name].as<int>();
    CheckRange(std::string("--") + name, value, least, most);
  };
  read("candidates", evaluation.candidates, 0, kMaxCandidates);
  read("steps", evaluation.steps, 1, kMaxSteps);
  read("samples", evaluation.samples, 1, kMaxSamples);
  // The naive way knows the naive scheme.
  if (evaluation.candidates > 0 && settings.recipe == "naive") {
    json["evaluation"] = BenchEvaluation(evaluation, progress);
    text += EvaluationBenchText(json["evaluation"]);
  }
  return {json, text};
}

Measured MeasureWorkers(const cxxopts::ParseResult& arguments, Progress& progress) {
  WorkerBenchSettings settings;
  if (arguments.count("workers") > 0) {
    settings.workers = arguments["workers"].as<std::vector<int>>();
  }
  settings.evaluation_seconds = arguments["evaluation-seconds"].as<double>();
  for (const int count : settings.workers) CheckRange("--workers", count, 1, kMaxWorkers);
  CheckRange("--evaluation-seconds", settings.evaluation_seconds, 1e-3, kMaxEvaluationSeconds);
  const Json json = BenchWorkers(settings, progress);
  return {json, WorkerBenchText(json)};
}

Measured Measure(const cxxopts::ParseResult& arguments, Progress& progress) {
  const std::string what = arguments["what"].as<std::string>();
  if (what == "kernels") return MeasureKernels(arguments, progress);
  if (what == "model") return MeasureModel(arguments, progress);
  if (what == "latency") return MeasureLatency(arguments, progress);
  if (what == "networks") return MeasureNetworks(arguments, progress);
  if (what == "search") return MeasureSearch(arguments, progress);
  if (what == "workers") return MeasureWorkers(arguments, progress);
  throw Error(ErrorCode::kUsage, "\"" + what + "\"", "is nothing to measure", kVerbs);
}

// Resumable, in a folder.
void StudyAlgorithms(const cxxopts::ParseResult& arguments) {
  const auto config = LoadConfig<AlgorithmStudyConfig>(Required(arguments, "config"));
  const std::vector<int> threads = ReadThreads(arguments);
  TerminalProgress progress = MakeProgress();
  SearchSession session;
  session.out = Required(arguments, "out");
  session.bundled = BundledCheckpoints();
  session.resume = arguments.count("resume") > 0;
  session.overwrite = arguments.count("overwrite") > 0;
  session.threads = threads.size() == 1 ? threads[0] : 0;
  session.batch = ReadBatch(arguments, session.batch);
  session.interrupted = &InstallInterruptHandler();
  session.progress = &progress;
  RunResumable(session, "study", [&] {
    const AlgorithmStudy study = RunAlgorithmStudy(config, session);
    if (WantsJson(arguments)) {
      PrintJson(AlgorithmStudyToJson(study));
    } else {
      std::fputs(AlgorithmTable(study).c_str(), stdout);
    }
  });
}

void Bench(const cxxopts::ParseResult& arguments) {
  if (Required(arguments, "what") == "algorithms") return StudyAlgorithms(arguments);
  std::filesystem::path out;
  if (arguments.count("out") > 0) {
    out = arguments["out"].as<std::string>();
    RefuseToOverwrite(out, arguments.count("overwrite") > 0);
    if (out.has_parent_path()) PrepareFolder(out.parent_path());
  }
  TerminalProgress progress = MakeProgress();
  const Measured measured = Measure(arguments, progress);
  if (!out.empty()) WriteFileAtomically(out, measured.json.dump(2) + "\n");
  if (WantsJson(arguments)) {
    PrintJson(measured.json);
  } else {
    std::fputs(measured.text.c_str(), stdout);
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-bench",
       "Measures times and sizes; what is compared is interleaved in one process.\n"
       "kernels: linear layers on the integer kernels against LibTorch and oneDNN.\n"
       "model: a call of a whole network against LibTorch, and the time of its ops.\n"
       "networks: networks of real sizes with random weights, one after the other: quantizing and "
       "packing, a call and the memory it needs, against LibTorch.\n"
       "latency: of every layer at every bit-width, as a table for tmpq-search --latency.\n"
       "search: a supernet's bytes, the time of switching candidates, and candidates a minute "
       "against LibTorch.\n"
       "workers: how a search spreads over many machines, in simulated time.\n"
       "algorithms: all candidates of a small space, measured once, and search algorithms replayed "
       "on them.",
       "kernels|model|networks|latency|search|workers|algorithms"},
      [](cxxopts::Options& options) {
        const auto text = [](const char* value) {
          return cxxopts::value<std::string>()->default_value(value);
        };
        options.add_options()("what", tmpq::kVerbs, cxxopts::value<std::string>())(
            "shapes", "of kernels: table, models, or MxKxN,..", text("table"))(
            "roofline",
            "of kernels: least times on GPUs, predicted from what the emulated device counts")(
            "threads",
            "of kernels and model: one contest each; of networks the most; of latency one number "
            "(default: 1); of algorithms one number (else one per core)",
            cxxopts::value<std::vector<int>>()->default_value("1,2"))(
            "model",
            "bundled model's name, weights file, or folder; of model also a name of --networks, "
            "with "
            "random weights",
            text("fashion-dit"))(
            "openvino", "of model: a Python that has the package openvino, which then takes part",
            text(""))("recipe", "named recipe (tmpq-calibrate --list), or a file .ini of its keys",
                      text("naive"))(
            "batch", "samples of a network call (default: 8; of model: 32; of networks: 2)",
            cxxopts::value<int>())("repetitions",
                                   "of each thing that is timed; of networks at most 3 calls",
                                   cxxopts::value<int>()->default_value("25"))(
            "bits",
            "of latency: of weights and of activations, each with each (default: 2,3,4,5,6,8)",
            cxxopts::value<std::vector<int>>())("seconds", "that a repetition takes at least",
                                                cxxopts::value<double>()->default_value("0.005"))(
            "backend", "of latency: cpu (fastest here), or a set of kernels (as of tmpq-run)",
            text("cpu"))("networks",
                         "of networks: names, separated by commas (default: all but the largest)",
                         cxxopts::value<std::vector<std::string>>())(
            "candidates", "of search: of a population that is evaluated; 0: none is",
            cxxopts::value<int>()->default_value("8"))("steps", "of search: of a candidate",
                                                       cxxopts::value<int>()->default_value("20"))(
            "samples", "of search: of a candidate", cxxopts::value<int>()->default_value("12"))(
            "workers", "of workers: how many, for example 1,10,100 (default: 1 to 1000)",
            cxxopts::value<std::vector<int>>())("evaluation-seconds",
                                                "of workers: median of a candidate",
                                                cxxopts::value<double>()->default_value("1"))(
            "out", "file for the result as JSON; of algorithms: folder",
            cxxopts::value<std::string>())("overwrite",
                                           "replace an existing file, or what is in the folder")(
            "config", "of algorithms: file .ini (experiments/algorithms)",
            cxxopts::value<std::string>())("resume", "of algorithms: go on with the folder");
        options.parse_positional({"what"});
      },
      tmpq::Bench);
}
