#include "src/eval/driver/search_driver.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/search/allocation.h"
#include "src/search/evolution.h"
#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

constexpr int64_t kShownSamples = 20;  // of samples.png, a row each for float and plan

// Of the budget: greedy allocations that are measured beside the evolution.
constexpr double kBudgetShares[] = {1.0, 0.9, 0.8, 0.7};

// Adds up wall time by stage.
class StageClock {
 public:
  explicit StageClock(std::map<std::string, double>& seconds) : seconds_(seconds) {}
  void Begin(const std::string& stage) {
    End();
    stage_ = stage;
    begin_ = Clock::now();
  }
  void End() {
    if (!stage_.empty())
      seconds_[stage_] += std::chrono::duration<double>(Clock::now() - begin_).count();
    stage_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::map<std::string, double>& seconds_;
  std::string stage_;
  Clock::time_point begin_;
};

// The stages share much; each is one function.
class SearchDriver {
 public:
  SearchDriver(const SearchConfig& config, const SearchSession& session)
      : session_(session), clock_(result_.seconds) {
    result_.config = config;
    result_.config.Validate();
  }

  SearchResult Run() {
    clock_.Begin("load");
    bench_ = std::make_unique<SearchBench>(result_.config, session_);
    PrepareRunFolder(session_, {kJournalName, kRunName, kPlanName, kSummaryName, kSamplesName,
                                kClipsName, kSheetName});
    // First, so that a folder of another config is refused before anything in it is read.
    const JournalHeader header{ConfigText(result_.config), bench_->hashes(), GitRevision()};
    journal_ = OpenJournal(session_.out / kJournalName, header, session_.resume);
    clock_.Begin("sampler");
    bench_->OpenSampler();
    clock_.Begin("supernet");
    bench_->OpenSupernet();
    OpenEvaluator();
    Search();
    Select();
    Report();
    clock_.Begin("outputs");
    Describe();
    result_.float_samples = evaluator_->Sample(result_.row("float").candidate,
                                               RandomPurpose::kReportNoise, kShownSamples);
    result_.plan_samples =
        evaluator_->Sample(result_.plan, RandomPurpose::kReportNoise, kShownSamples);
    result_.prompts = evaluator_->prompts().texts;
    result_.float_values = evaluator_->ValuesOf(result_.float_samples);
    result_.plan_values = evaluator_->ValuesOf(result_.plan_samples);
    bench_->WritePlanOf(result_.plan, "tmpq-search", session_.out / kPlanName);
    clock_.End();
    WriteOutputs(result_, session_.out);
    return std::move(result_);
  }

 private:
  // What the result says of the bench that it was made on.
  void Describe() {
    result_.model = bench_->model();
    result_.schedule = bench_->schedule();
    result_.sampler = bench_->sampler_settings();
    result_.calls_per_step = result_.sampler.calls_per_step();
    result_.budget = bench_->budget();
    result_.sites = bench_->sites();
    result_.feature_net = bench_->feature_net();
    result_.reference = bench_->reference();
    if (bench_->text_encoder() != nullptr) result_.text_encoder = bench_->text_encoder()->name();
    result_.hashes = bench_->hashes();
    result_.records = journal_->records();
  }

  void OpenEvaluator() {
    images_ = std::make_unique<ImageProgress>(*session_.progress);
    evaluator_ = std::make_unique<RuntimeEvaluator>(
        bench_->sampler(), bench_->weights(), bench_->features(), bench_->statistics(),
        UniformCandidate(BitWidth::kFloatBits), space().Naive(), bench_->evaluator_settings(),
        *images_);
    journaled_ = std::make_unique<JournaledEvaluator>(*evaluator_, *journal_, 1);
  }

  const SearchSpace& space() const { return bench_->space(); }
  Candidate UniformCandidate(int bits) const { return bench_->UniformCandidate(bits); }

  bool IsMeasured(const Candidate& candidate) const {
    return std::any_of(measured_.begin(), measured_.end(),
                       [&](const Measured& m) { return m.candidate == candidate; });
  }

  // Distances of candidates, measured once each, into archive and list.
  void MeasureDistances(std::vector<Candidate> candidates) {
    std::erase_if(candidates, [&](const Candidate& candidate) { return IsMeasured(candidate); });
    const std::vector<Measurements> answers = journaled_->Evaluate(candidates, Fidelity::kMetrics);
    for (size_t i = 0; i < candidates.size(); ++i) {
      const double distance = answers[i].at(kDistance);
      measured_.push_back({distance, candidates[i]});
      std::vector<double> objectives = {distance};
      const Costs costs = space().CostsOf(candidates[i]);
      for (size_t k = 1; k < archive_.objectives().size(); ++k) {
        objectives.push_back(CostByName(costs, archive_.objectives()[k]));
      }
      archive_.Insert(candidates[i], std::move(objectives));
    }
  }

  void RecordHistory(int generation) {
    std::vector<std::vector<double>> points;
    for (const ArchiveEntry& entry : archive_.Entries()) {
      points.push_back(entry.objectives);
      for (size_t k = 0; k < points.back().size(); ++k)
        points.back()[k] /= result_.history.reference_point[k];
    }
    result_.history.generations.push_back(generation);
    result_.history.evaluations.push_back(searched_);
    result_.history.hypervolume.push_back(
        Hypervolume(points, std::vector<double>(archive_.objectives().size(), 1.0)));
  }

  void Search() {
    const SearchConfig& config = result_.config;
    clock_.Begin("search");
    // The corners that every front should be compared with.
    const std::vector<Candidate> uniform = bench_->UniformCandidates();
    const int64_t per_generation =
        static_cast<int64_t>(config.population) * config.trajectory_samples +
        static_cast<int64_t>(config.metric_candidates) * config.metric_samples;
    const SensitivityProbes probes = MakeProbes(space());
    const int64_t warm_images =
        config.warm_start
            ? static_cast<int64_t>(probes.candidates.size()) * config.trajectory_samples +
                  static_cast<int64_t>(std::size(kBudgetShares)) * config.metric_samples
            : 0;
    int64_t images = static_cast<int64_t>(uniform.size()) * config.metric_samples;
    session_.progress->Begin("searching",
                             images + warm_images + config.generations * per_generation, "images");
    MeasureDistances(uniform);
    const Costs w8a8 = space().CostsOf(UniformCandidate(8));
    result_.objectives = archive_.objectives();
    result_.history.fidelity = Fidelity::kMetrics;
    result_.history.objectives = archive_.objectives();
    result_.history.reference_point = {2 * measured_.front().distance, w8a8.bitops,
                                       static_cast<double>(w8a8.bytes)};
    images_->Set(images);

    EvolutionSettings settings{config.population,
                               config.parents,
                               config.mutants,
                               config.crossovers,
                               config.mutation_probability,
                               config.initial_mutation_probability,
                               kTrajectoryError};
    std::vector<Candidate> seeds = {space().NearUniform()};
    if (config.warm_start) {
      const std::vector<Candidate> allocations = Allocations(probes);
      seeds.push_back(allocations.front());
      MeasureDistances(allocations);
      images += warm_images;
      images_->Set(images);
    }
    Evolution evolution(space(), settings, config.seed, std::move(seeds));
    for (int generation = 0; generation < config.generations; ++generation) {
      const std::vector<Candidate> batch = evolution.Ask();
      if (batch.empty()) break;
      const std::vector<Measurements> answers = journaled_->Evaluate(batch, Fidelity::kTrajectory);
      evolution.Tell(batch, answers);
      searched_ += static_cast<int64_t>(batch.size());
      MeasureDistances(Promising(evolution.parents()));
      RecordHistory(generation);
      images += per_generation;
      images_->Set(images);
      session_.progress->Update(images, "generation " + std::to_string(generation + 1) + " of " +
                                            std::to_string(config.generations) +
                                            ", best distance " + Rounded(BestMeasured().distance));
    }
    session_.progress->End();
    result_.front = archive_.Entries();
  }

  // Greedy allocations by measured sensitivities: of the whole budget, then of shares of it, which
  // span the front.
  std::vector<Candidate> Allocations(const SensitivityProbes& probes) {
    const auto answers = journaled_->Evaluate(probes.candidates, Fidelity::kTrajectory);
    const Sensitivities damages = SensitivitiesOf(probes, answers, kTrajectoryError);
    searched_ += static_cast<int64_t>(probes.candidates.size());
    std::vector<Candidate> allocations;
    for (const double share : kBudgetShares) {
      auto allocation = AllocateGreedily(space(), bench_->budget().Scaled(share), probes, damages);
      const bool is_new = allocation && std::find(allocations.begin(), allocations.end(),
                                                  *allocation) == allocations.end();
      if (is_new) allocations.push_back(*std::move(allocation));
    }
    TMPQ_CHECK(!allocations.empty(), "the space has a candidate that fits");
    return allocations;
  }

  // The best that have no distance yet.
  std::vector<Candidate> Promising(const std::vector<Candidate>& parents) const {
    std::vector<Candidate> promising;
    for (const Candidate& candidate : parents) {
      if (static_cast<int>(promising.size()) == result_.config.metric_candidates) break;
      if (!IsMeasured(candidate)) promising.push_back(candidate);
    }
    return promising;
  }

  void Select() {
    clock_.Begin("select");
    std::stable_sort(measured_.begin(), measured_.end(),
                     [](const Measured& a, const Measured& b) { return a.distance < b.distance; });
    std::vector<Candidate> finalists;
    for (const Measured& measured : measured_) {
      if (static_cast<int>(finalists.size()) < result_.config.selection_candidates)
        finalists.push_back(measured.candidate);
    }
    images_->Set(0);
    session_.progress->Begin(
        "selecting", static_cast<int64_t>(finalists.size()) * result_.config.selection_samples,
        "images");
    const std::vector<Measurements> answers = journaled_->Evaluate(finalists, Fidelity::kSelection);
    session_.progress->End();
    size_t best = 0;
    for (size_t i = 1; i < finalists.size(); ++i) {
      if (answers[i].at(kDistance) < answers[best].at(kDistance)) best = i;
    }
    result_.plan = finalists[best];
  }

  void Report() {
    clock_.Begin("report");
    const std::vector<std::pair<const char*, Candidate>> rows = {
        {"float", UniformCandidate(BitWidth::kFloatBits)},
        {"naive", space().Naive()},
        {"w4a4", UniformCandidate(4)},
        {"w8a8", UniformCandidate(8)},
        {"plan", result_.plan}};
    std::vector<std::string> distinct;
    for (const auto& [name, candidate] : rows) distinct.push_back(candidate.bytes());
    std::sort(distinct.begin(), distinct.end());
    const int64_t count = std::unique(distinct.begin(), distinct.end()) - distinct.begin();
    images_->Set(0);
    session_.progress->Begin(
        "reporting", count * result_.config.report_samples + result_.config.converged_samples,
        "images");
    for (const auto& [name, candidate] : rows) {
      const std::vector<Measurements> answer =
          journaled_->Evaluate({&candidate, 1}, Fidelity::kReport);
      result_.rows.push_back({name, candidate, space().CostsOf(candidate), answer.front()});
    }
    session_.progress->End();
  }

  struct Measured {
    double distance;
    Candidate candidate;
  };
  const Measured& BestMeasured() const {
    return *std::min_element(
        measured_.begin(), measured_.end(),
        [](const Measured& a, const Measured& b) { return a.distance < b.distance; });
  }

  SearchSession session_;
  SearchResult result_;
  StageClock clock_;
  std::unique_ptr<SearchBench> bench_;
  std::unique_ptr<ImageProgress> images_;
  std::unique_ptr<RuntimeEvaluator> evaluator_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournaledEvaluator> journaled_;
  ParetoArchive archive_{{kDistance, kBitOps, kBytes}};
  std::vector<Measured> measured_;
  int64_t searched_ = 0;
};

}  // namespace

const ReportRow& SearchResult::row(const std::string& name) const {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const ReportRow& row) { return row.name == name; });
  TMPQ_CHECK(found != rows.end(), "the report has no row " + name);
  return *found;
}

SearchResult RunSearch(const SearchConfig& config, const SearchSession& session) {
  return SearchDriver(config, session).Run();
}

}  // namespace tmpq
