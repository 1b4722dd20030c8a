#include "bench/evaluation_bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <numeric>

#include "bench/temporary_folder.h"
#include "src/eval/driver/job_evaluator.h"
#include "src/eval/driver/search_bench.h"
#include "src/metrics/psnr.h"
#include "src/quant/layer_quantizer.h"
#include "src/search/evolution.h"
#include "src/search/moves.h"
#ifdef TMPQ_WITH_TORCH
#include "bench/torch_candidate.h"
#endif

namespace tmpq {
namespace {

constexpr const char* kNaive = "LibTorch simulation, weights quantized anew";
constexpr const char* kAnew = "integer runtime, weights quantized anew";
constexpr const char* kUnshared = "integer runtime, supernet";
constexpr const char* kShared = "integer runtime, supernet, shared beginnings";

// A search opened as far as its evaluator.
class OpenedEvaluator {
 public:
  OpenedEvaluator(const EvaluationBenchSettings& settings, const std::string& mode,
                  Progress& progress)
      : images_(silent_) {
    SearchConfig config;
    config.model = settings.model, config.mode = mode;
    config.steps = IntRange::Of(settings.steps);
    config.trajectory_samples = settings.samples;
    config.Validate();
    SearchSession session;
    session.out = folder_.path(), session.bundled = settings.bundled;
    session.progress = &progress;
    bench_ = std::make_unique<SearchBench>(config, session);
    bench_->OpenSampler();
    bench_->OpenSupernet();
    bench_->OpenReference();
    evaluator_ = OpenRuntimeEvaluator(*bench_, nullptr, images_);
  }

  const SearchBench& bench() const { return *bench_; }
  const EvaluatorSettings& settings() const { return bench_->evaluator_settings(); }
  SampleRequest Request() const {
    return {settings().seed, RandomPurpose::kSearchNoise, 0, settings().trajectory_samples,
            settings().prompts.conditions};
  }
  RuntimeEvaluator& evaluator() { return *evaluator_; }

  // One by one, as if no candidate had come before, or sharing what they can.
  std::vector<double> Errors(const std::vector<Candidate>& population, bool shared) {
    std::vector<double> errors;
    for (const Candidate& candidate : population) {
      if (!shared || errors.empty()) evaluator_->trajectories().Clear();
      const auto answers = evaluator_->Evaluate({&candidate, 1}, Fidelity::kTrajectory);
      errors.push_back(answers[0].at(kTrajectoryError));
    }
    return errors;
  }

  double ErrorOf(const std::vector<float>& samples) {
    const int64_t count = settings().trajectory_samples;
    const std::vector<double> errors = MeanSquaredErrors(
        samples, evaluator_->Converged(RandomPurpose::kSearchNoise, count), count);
    return std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(count);
  }

  // Quantizes and packs what the candidate uses, and runs that.
  double ErrorOfAnew(const Candidate& candidate) {
    const Graph& graph = bench_->model().graph;
    TensorFileWriter writer;
    for (size_t i = 0; i < graph.nodes().size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      const Node& node = graph.node(id);
      if (node.first_site < 0 || node.kind == OpKind::kAttention) continue;
      LayerRequest request{
          &graph, &bench_->model().parameters, &bench_->recipe(), &bench_->scheme(), nullptr, {},
          {}};
      for (const Policy& policy : candidate.policies()) {
        request.weight_bits.push_back(policy[node.first_site].bits());
      }
      std::sort(request.weight_bits.begin(), request.weight_bits.end());
      request.weight_bits.erase(std::unique(request.weight_bits.begin(), request.weight_bits.end()),
                                request.weight_bits.end());
      QuantTable::Add(writer, node.name, QuantizeLayer(request, id),
                      bench_->scheme().Of(node.name));
    }
    const auto path = folder_.path() / "candidate.safetensors";
    writer.Write(path);
    const TensorFile file(path);
    const QuantTable table(file, graph.sites(), bench_->scheme());
    SamplerOptions options;
    options.batch = settings().batch, options.threads = settings().threads;
    return ErrorOf(
        bench_->sampler().Sample(bench_->sampler().Prepare(candidate, &table), Request(), options));
  }

 private:
  TemporaryFolder folder_;
  Progress silent_;
  ImageProgress images_;
  std::unique_ptr<SearchBench> bench_;
  std::unique_ptr<RuntimeEvaluator> evaluator_;
};

// The generation after the first of TMPQ-DM's evolution.
std::vector<Candidate> Offspring(OpenedEvaluator& opened, int count) {
  EvolutionSettings settings;  // the published shares of 50
  settings.population = count, settings.parents = std::max(1, count / 5);
  settings.mutants = count / 2, settings.crossovers = count / 5;
  settings.fitness = kTrajectoryError;
  Evolution evolution(opened.bench().space(), settings, 0);
  const std::vector<Candidate> first = evolution.Ask();
  evolution.Tell(first, opened.evaluator().Evaluate(first, Fidelity::kTrajectory));
  return evolution.Ask();
}

// Small changes of one candidate, as a search makes near its end.
std::vector<Candidate> Variations(OpenedEvaluator& opened, int count) {
  std::vector<Candidate> population = {opened.bench().space().Initial()};
  RandomStream random(0, RandomPurpose::kTest);
  while (static_cast<int>(population.size()) < count) {
    const Candidate next = Vary(opened.bench().space(), {&population[0], 1}, random).candidate;
    if (std::find(population.begin(), population.end(), next) == population.end()) {
      population.push_back(next);
    }
  }
  return population;
}

#ifdef TMPQ_WITH_TORCH
// Relative, of the errors of all candidates, ascending.
std::vector<double> Differences(const std::vector<double>& values,
                                const std::vector<double>& exact) {
  std::vector<double> differences;
  for (size_t i = 0; i < exact.size(); ++i) {
    differences.push_back(std::abs(values[i] / exact[i] - 1));
  }
  std::sort(differences.begin(), differences.end());
  return differences;
}
#endif

Json MeasurePopulation(OpenedEvaluator& opened, const std::vector<Candidate>& population,
                       const ContestSettings& contest) {
  std::vector<double> exact, errors;
  std::vector<Contestant> contestants;
#ifdef TMPQ_WITH_TORCH
  const SearchBench& bench = opened.bench();
  TorchCandidates torch(bench.model().graph, bench.model().parameters);
  std::vector<double> simulated;
  contestants.push_back({kNaive, [&] {
                           simulated.clear();
                           for (const Candidate& candidate : population) {
                             simulated.push_back(opened.ErrorOf(
                                 torch.Sample(bench.sampler(), candidate, opened.Request())));
                           }
                         }});
#endif
  contestants.push_back({kAnew, [&] {
                           errors.clear();
                           for (const Candidate& candidate : population) {
                             errors.push_back(opened.ErrorOfAnew(candidate));
                           }
                         }});
  contestants.push_back({kUnshared, [&] { exact = opened.Errors(population, false); }});
  std::vector<double> shared;
  contestants.push_back({kShared, [&] { shared = opened.Errors(population, true); }});
  const std::vector<Timing> timings = RunContest(contestants, contest);
  TMPQ_CHECK(errors == exact && shared == exact, "the ways of evaluating differ");
  const TrajectoryCache& cache = opened.evaluator().trajectories();
  const int64_t calls = cache.calls(), saved = cache.calls_saved();
  opened.Errors(population, true);
  Json result = {{"contests", Json::array()},
                 {"share_of_calls_saved",
                  static_cast<double>(cache.calls_saved() - saved) /
                      static_cast<double>(cache.calls() - calls + cache.calls_saved() - saved)}};
  const auto count = static_cast<double>(population.size());
  for (size_t i = 0; i < contestants.size(); ++i) {
    result["contests"].push_back({{"name", contestants[i].name},
                                  {"microseconds", ToJson(timings[i])},
                                  {"candidates_per_minute", 60 * count / timings[i].median}});
    if (i > 0) result["factors"].push_back(timings[i - 1].median / timings[i].median);
  }
#ifdef TMPQ_WITH_TORCH
  // Sums that round differently move values across the edges of integers, and over many steps
  // samples apart, few of them far; what all candidates are worth together stays about the same.
  constexpr double kMostRatio = 1.5;
  const auto sum = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0);
  };
  const double ratio = sum(simulated) / sum(exact);
  TMPQ_CHECK(ratio < kMostRatio && 1 / ratio < kMostRatio, "LibTorch's simulation differs");
  const std::vector<double> differences = Differences(simulated, exact);
  result["relative_difference"] = {{"median", differences[differences.size() / 2]},
                                   {"largest", differences.back()}};
#endif
  return result;
}

}  // namespace

Json BenchEvaluation(const EvaluationBenchSettings& settings, Progress& progress) {
  Json result = {{"steps", settings.steps},
                 {"samples", settings.samples},
                 {"candidates", settings.candidates},
                 {"populations", Json::array()}};
  for (const std::string mode : {"groupwise-consistent", "groupwise"}) {
    OpenedEvaluator opened(settings, mode, progress);
    const auto add = [&](const char* name, const std::vector<Candidate>& population) {
      Json measured = MeasurePopulation(opened, population, settings.contest);
      measured["mode"] = mode, measured["population"] = name;
      result["populations"].push_back(measured);
    };
    add("evolution", Offspring(opened, settings.candidates));
    add("variations", Variations(opened, settings.candidates));
  }
  return result;
}

std::string EvaluationBenchText(const Json& result) {
  char line[160];
  std::string text;
  for (const Json& population : result["populations"]) {
    std::snprintf(line, sizeof(line),
                  "%s of mode %s: candidates a minute, and how much faster than above\n",
                  population["population"].get<std::string>().c_str(),
                  population["mode"].get<std::string>().c_str());
    text += line;
    const Json& contests = population["contests"];
    for (size_t i = 0; i < contests.size(); ++i) {
      const double rate = contests[i]["candidates_per_minute"].get<double>();
      std::snprintf(line, sizeof(line), "  %-46s %10.1f",
                    contests[i]["name"].get<std::string>().c_str(), rate);
      text += line;
      if (i > 0) {
        std::snprintf(line, sizeof(line), " %8.2fx", population["factors"][i - 1].get<double>());
        text += line;
      }
      text += "\n";
    }
    const double all = contests.back()["candidates_per_minute"].get<double>() /
                       contests[0]["candidates_per_minute"].get<double>();
    std::snprintf(line, sizeof(line), "  %-46s %10s %8.2fx, %.0f %% of the calls shared\n", "all",
                  "", all, 100 * population["share_of_calls_saved"].get<double>());
    text += line;
  }
  return text;
}

}  // namespace tmpq
