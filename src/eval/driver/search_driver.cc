#include "src/eval/driver/search_driver.h"

#include <algorithm>
#include <optional>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/driver/measured_candidates.h"
#include "src/eval/driver/planned_candidates.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/driver/search_table.h"
#include "src/eval/driver/stage_clock.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/search/evolution.h"

namespace tmpq {
namespace {

constexpr int64_t kShownSamples = 20;  // of samples.png, a row each for float and plan

// Of the budget: allocations that are measured beside the evolution, and span the front.
constexpr double kBudgetShares[] = {1.0, 0.9, 0.8, 0.7};

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
    if (!result_.config.sensitivity.empty()) ReadTable();
    PrepareRunFolder(session_, {kJournalName, kRunName, kPlanName, kSummaryName, kSamplesName,
                                kClipsName, kSheetName});
    // First, so that a folder of another config is refused before anything in it is read.
    const JournalHeader header{ConfigText(result_.config), bench_->hashes(), GitRevision()};
    journal_ = OpenJournal(session_.out / kJournalName, header, session_.resume);
    clock_.Begin("sampler");
    bench_->OpenSampler();
    bench_->OpenReference();
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
  void ReadTable() {
    table_ = ReadSensitivity(result_.config.sensitivity);
    CheckTable(*table_, bench_->hashes(), bench_->sites(), result_.config.sensitivity);
  }

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
        bench_->UniformCandidate(BitWidth::kFloatBits), space().Naive(),
        bench_->evaluator_settings(), *images_);
    journaled_ = std::make_unique<JournaledEvaluator>(*evaluator_, *journal_, 1);
    calls_ = std::make_unique<CallCounter>(*journaled_, bench_->evaluator_settings(),
                                           bench_->sampler_settings().calls_per_step());
    measured_ = std::make_unique<MeasuredCandidates>(space(), *calls_);
  }

  const SearchSpace& space() const { return bench_->space(); }

  void Search() {
    const SearchConfig& config = result_.config;
    clock_.Begin("search");
    std::optional<JumpErrors> jumps;
    if (config.warm_start && config.optimize != kOptimizeBits) {
      jumps = bench_->OpenJumpErrors();
      calls_->Add(jumps->network_calls);
    }
    BeginSearching();
    MeasureUniform();
    const std::map<int, std::vector<Candidate>> planned = Plan(jumps ? &*jumps : nullptr);
    MeasurePlanned(planned);
    const int steps = measured_->Best().candidate.steps();
    const auto found = planned.find(steps);
    Evolve(bench_->SpaceOf(steps),
           found == planned.end() ? std::vector<Candidate>() : found->second);
    session_.progress->End();
    result_.front = measured_->archive().Entries();
  }

  // The bar counts images. What is found more than once is counted as often as it is asked for.
  void BeginSearching() {
    const SearchConfig& config = result_.config;
    const int64_t lengths = config.steps.most - config.steps.least + 1;
    const int64_t shares = SharesOfBudget().size();
    int64_t planned = 0, probes = 0;
    if (config.warm_start) planned = lengths * shares;
    if (!config.warm_start && lengths > 1) planned = lengths;
    if (config.warm_start && !table_.has_value() && config.optimize != kOptimizeTimesteps) {
      probes = static_cast<int64_t>(MakeProbes(space()).candidates.size());
    }
    const int64_t per_generation = config.population * config.trajectory_samples +
                                   config.metric_candidates * config.metric_samples;
    const int64_t uniform = bench_->UniformCandidates().size();
    session_.progress->Begin("searching",
                             (uniform + planned) * config.metric_samples +
                                 (2 * planned + probes) * config.trajectory_samples +
                                 config.generations * per_generation,
                             "images");
    images_->Set(0);
  }

  // The corners that every front should be compared with.
  void MeasureUniform() {
    measured_->Measure(bench_->UniformCandidates());
    const Costs w8a8 = space().CostsOf(bench_->UniformCandidate(8));
    result_.objectives = measured_->archive().objectives();
    result_.history.fidelity = Fidelity::kMetrics;
    result_.history.objectives = result_.objectives;
    result_.history.reference_point = {2 * measured_->all().front().distance, w8a8.bitops,
                                       static_cast<double>(w8a8.bytes)};
  }

  // One share of the budget is enough where numbers of steps span the front.
  std::span<const double> SharesOfBudget() const {
    const std::span<const double> all(kBudgetShares);
    return result_.config.steps.single() ? all : all.first(1);
  }

  // By number of steps, what may be a good beginning.
  std::map<int, std::vector<Candidate>> Plan(const JumpErrors* jumps) {
    const SearchConfig& config = result_.config;
    std::map<int, std::vector<Candidate>> planned;
    Sensitivities damages;
    if (config.warm_start && config.optimize != kOptimizeTimesteps) damages = Damages();
    for (int steps = config.steps.least; steps <= config.steps.most; ++steps) {
      const SearchSpace& space = bench_->SpaceOf(steps);
      if (config.warm_start) {
        planned[steps] = PlanCandidates(space, SharesOfBudget(), damages, jumps);
        TMPQ_CHECK(!planned[steps].empty(), "the space has a candidate that fits");
      } else if (!config.steps.single()) {
        planned[steps] = {space.NearUniform()};
      }
    }
    return planned;
  }

  // Distances of the planned candidates; of those with the same policy and number of steps only
  // the one whose samples are nearest to the float model's.
  void MeasurePlanned(const std::map<int, std::vector<Candidate>>& planned) {
    std::vector<Candidate> all;
    for (const auto& [steps, candidates] : planned) {
      all.insert(all.end(), candidates.begin(), candidates.end());
    }
    const auto answers = counted().Evaluate(all, Fidelity::kTrajectory);
    std::map<std::pair<int, Policy>, std::pair<double, size_t>> nearest;
    for (size_t i = 0; i < all.size(); ++i) {
      const std::pair entry(answers[i].at(kTrajectoryError), i);
      const auto [at, is_new] = nearest.emplace(std::pair(all[i].steps(), all[i].policy(0)), entry);
      if (!is_new) at->second = std::min(at->second, entry);
    }
    std::vector<size_t> chosen;
    for (const auto& [key, entry] : nearest) chosen.push_back(entry.second);
    std::sort(chosen.begin(), chosen.end());
    std::vector<Candidate> candidates;
    for (const size_t i : chosen) candidates.push_back(all[i]);
    measured_->Measure(candidates);
  }

  void Evolve(const SearchSpace& space, const std::vector<Candidate>& planned) {
    const SearchConfig& config = result_.config;
    EvolutionSettings settings{config.population,
                               config.parents,
                               config.mutants,
                               config.crossovers,
                               config.mutation_probability,
                               config.initial_mutation_probability,
                               kTrajectoryError};
    std::vector<Candidate> seeds = {space.NearUniform()};
    seeds.insert(seeds.end(), planned.begin(), planned.end());
    Evolution evolution(space, settings, config.seed, std::move(seeds));
    for (int generation = 0; generation < config.generations; ++generation) {
      const std::vector<Candidate> batch = evolution.Ask();
      if (batch.empty()) break;
      evolution.Tell(batch, counted().Evaluate(batch, Fidelity::kTrajectory));
      measured_->Measure(measured_->FirstUnmeasured(evolution.parents(), config.metric_candidates));
      measured_->Record(generation, *calls_, result_.history);
      images_->Set(calls_->samples());  // what was remembered moves no bar
      session_.progress->Log(GenerationText(generation));
    }
  }

  std::string GenerationText(int generation) const {
    const auto& history = result_.history;
    return "generation " + std::to_string(generation + 1) + " of " +
           std::to_string(result_.config.generations) + ": " +
           std::to_string(history.evaluations.back()) + " evaluations (" +
           std::to_string(journaled_->hits()) + " remembered), hypervolume " +
           Rounded(history.hypervolume.back()) + ", best distance " +
           Rounded(measured_->Best().distance) + " at " +
           std::to_string(measured_->Best().candidate.steps()) + " steps";
  }

  Evaluator& counted() { return *calls_; }

  // Of each site narrowed alone: read from a table, or measured now.
  Sensitivities Damages() {
    if (table_.has_value()) {
      std::vector<std::vector<BitWidth>> choices;
      for (size_t s = 0; s < space().table().sites.size(); ++s) {
        choices.push_back(space().ChoicesOf(s));
      }
      const std::vector<size_t> error(choices.size(), table_->MetricIndex(kSquaredError));
      return DamagesOf(*table_, error, SensitivityRow::kAllRanges, choices,
                       result_.config.sensitivity);
    }
    const SensitivityProbes probes = MakeProbes(space());
    return SensitivitiesOf(probes, counted().Evaluate(probes.candidates, Fidelity::kTrajectory),
                           kTrajectoryError);
  }

  void Select() {
    clock_.Begin("select");
    const std::vector<Candidate> finalists =
        measured_->BestFew(result_.config.selection_candidates);
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
        {"float", bench_->UniformCandidate(BitWidth::kFloatBits)},
        {"naive", space().Naive()},
        {"w4a4", bench_->UniformCandidate(4)},
        {"w8a8", bench_->UniformCandidate(8)},
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

  SearchSession session_;
  SearchResult result_;
  StageClock clock_;
  std::unique_ptr<SearchBench> bench_;
  std::unique_ptr<ImageProgress> images_;
  std::unique_ptr<RuntimeEvaluator> evaluator_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournaledEvaluator> journaled_;
  std::unique_ptr<CallCounter> calls_;
  std::optional<SensitivityTable> table_;
  std::unique_ptr<MeasuredCandidates> measured_;
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
