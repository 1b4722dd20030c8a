#include "src/eval/driver/search_driver.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "kernels/include/kernels.h"
#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/models/any_model.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/models/stress.h"
#include "src/search/allocation.h"
#include "src/search/evolution.h"
#include "src/search/hypervolume.h"
#include "src/supernet/supernet.h"

namespace tmpq {
namespace {

constexpr int64_t kShownSamples = 20;  // of samples.png, a row each for float and plan

// Of the budget: greedy allocations that are measured beside the evolution.
constexpr double kBudgetShares[] = {1.0, 0.9, 0.8, 0.7};

// Files of a run, in its folder.
constexpr const char* kJournalName = "journal.jsonl";
constexpr const char* kSupernetName = "supernet.safetensors";
constexpr const char* kStatisticsName = "statistics.safetensors";  // of a reference made here

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

std::vector<BitWidth> Widths(const std::vector<int>& bits) {
  std::vector<BitWidth> widths;
  for (const int b : bits) widths.push_back(BitWidth::Of(b));
  return widths;
}

// A run's folder: refuses to mix with earlier results unless told what to do with them.
void PrepareRunFolder(const SearchSession& session) {
  const bool exists =
      std::filesystem::exists(session.out) && !std::filesystem::is_empty(session.out);
  if (exists && !session.resume && !session.overwrite) {
    throw Error(ErrorCode::kUsage, session.out.string(), "exists",
                "--resume goes on with it, --overwrite replaces it, or name another --out");
  }
  PrepareFolder(session.out);
  if (session.overwrite) {
    for (const char* name : {kJournalName, kSupernetName, kStatisticsName, kRunName, kPlanName,
                             kSummaryName, kSamplesName, kClipsName}) {
      std::filesystem::remove(session.out / name);
    }
  }
}

// The stages share much; each is one function.
class SearchDriver {
 public:
  SearchDriver(const SearchConfig& config, const SearchSession& session)
      : session_(session), clock_(result_.seconds) {
    result_.config = config;
    result_.config.Validate();
  }

  SearchResult Run() {
    LoadModel();
    MakeSpace();
    PrepareRunFolder(session_);
    OpenJournal();
    OpenSupernet();
    OpenEvaluator();
    Search();
    Select();
    Report();
    clock_.Begin("outputs");
    result_.records = journal_->records();
    result_.float_samples = evaluator_->Sample(result_.row("float").candidate,
                                               RandomPurpose::kReportNoise, kShownSamples);
    result_.plan_samples =
        evaluator_->Sample(result_.plan, RandomPurpose::kReportNoise, kShownSamples);
    WritePlanOf(result_, supernet_->weights(), session_.out / kPlanName);
    clock_.End();
    WriteOutputs(result_, session_.out);
    return std::move(result_);
  }

 private:
  void LoadModel() {
    clock_.Begin("load");
    result_.model = LoadAnyModel(result_.config.model, session_.bundled);
    if (result_.config.stress) result_.model = StressVariant(result_.model);
    const ModelFile& model = result_.model;
    const std::string where = "model " + model.name;
    result_.schedule = ScheduleOf(model);
    result_.sampler = SamplerOf(model);
    if (!result_.config.sampler.empty()) {
      CheckMethod(result_.config.sampler);
      result_.sampler.method = result_.config.sampler;
    }
    if (result_.config.guidance >= 0) {
      result_.sampler.guidance_scale = result_.config.guidance;
      result_.sampler.guidance_ranges.clear();
    }
    if (result_.sampler.method == "plms") {
      throw Error(ErrorCode::kUnsupported, "sampler plms",
                  "calls the network once more than it has steps, which budgets do not count",
                  "search with another sampler");
    }
    result_.calls_per_step = result_.sampler.calls_per_step();

    const Json& sampling = model.sampling;
    std::string feature_net = result_.config.feature_net;
    if (feature_net.empty() && sampling.contains("feature_net")) {
      feature_net = JsonGet<std::string>(sampling, "feature_net", where);
    }
    const NodeId sample = model.graph.FindInput("sample");
    if (sample < 0) throw Error(ErrorCode::kInput, where, "has no input sample");
    space_of_features_ =
        OpenFeatureSpace(feature_net, model.graph.node(sample).shape, session_.bundled);
    const FeatureExtractor& features = *space_of_features_.features;
    result_.hashes = {{"model", model.hash.Hex()}, {"feature_net", features.hash().Hex()}};
    result_.feature_net = space_of_features_.name;
    const bool random = space_of_features_.name == kRandomFeatures;
    std::filesystem::path path = result_.config.reference;
    if (path.empty() && !random) path = StatisticsPath(feature_net, session_.bundled);
    if (!path.empty()) {
      statistics_ = std::make_unique<FrechetReference>(
          ReadFeatureStatistics(path, features.dimension(), features.hash()));
      result_.hashes["statistics"] = TensorFile(path).hash().Hex();
      result_.reference = result_.config.reference.empty() ? "training set" : path.string();
    }
    if (!result_.config.prompts.empty()) {
      result_.hashes["prompts"] = HashString(ReadFile(result_.config.prompts)).Hex();
    }
  }

  void MakeSpace() {
    const SearchConfig& config = result_.config;
    SpaceSettings settings;
    settings.mode = ParseSpaceMode(config.mode);
    settings.grouping = ParseGrouping(config.grouping);
    settings.steps = config.steps;
    settings.training_steps = result_.schedule.training_steps();
    settings.calls_per_step = result_.calls_per_step;
    settings.weight_bits = Widths(config.weight_bits);
    settings.activation_bits = Widths(config.activation_bits);
    const SiteTable& table = result_.model.graph.sites();
    CheckRange("steps", config.steps, 1, settings.training_steps);
    settings.budget = Budget::Parse(
        config.budget, {&table, config.steps, settings.training_steps, settings.calls_per_step});
    result_.budget = settings.budget;
    space_ = std::make_unique<SearchSpace>(table, settings);
  }

  // First, so that a folder of another config is refused before anything in it is read.
  void OpenJournal() {
    const JournalHeader header{ConfigText(result_.config), result_.hashes, GitRevision()};
    const auto path = session_.out / kJournalName;
    journal_ = session_.resume && std::filesystem::exists(path) ? Journal::Resume(path, header)
                                                                : Journal::Create(path, header);
  }

  void OpenSupernet() {
    clock_.Begin("supernet");
    std::vector<int> bits = result_.config.weight_bits;
    bits.insert(bits.end(), {4, 8});  // of the baselines
    std::sort(bits.begin(), bits.end());
    bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
    const ModelFile& model = result_.model;
    const auto path = session_.out / kSupernetName;
    if (!std::filesystem::exists(path)) {
      Supernet::Build(model.graph, model.parameters, model.hash, Widths(bits), path,
                      *session_.progress);
    }
    supernet_ = std::make_unique<Supernet>(path, model.graph, model.hash, Widths(bits));
    result_.hashes["supernet"] = supernet_->hash().Hex();
  }

  void OpenEvaluator() {
    const SearchConfig& config = result_.config;
    network_ = std::make_unique<RuntimeNetwork>(result_.model.graph, result_.model.parameters,
                                                kernels::BestKernels());
    sampler_ = std::make_unique<DiffusionSampler>(*network_, result_.schedule, result_.sampler);
    images_ = std::make_unique<ImageProgress>(*session_.progress);
    EvaluatorSettings settings;
    settings.seed = config.seed;
    settings.batch = session_.batch;
    settings.threads = session_.threads;
    settings.trajectory_steps = config.trajectory_steps;
    settings.trajectory_samples = config.trajectory_samples;
    settings.metric_samples = config.metric_samples;
    settings.selection_samples = config.selection_samples;
    settings.report_samples = config.report_samples;
    settings.converged_samples = config.converged_samples;
    settings.interrupted = session_.interrupted;
    PromptSource source{"model " + result_.model.name,
                        TextOf(result_.model.sampling),
                        PipelineOf(result_.model),
                        {},
                        {}};
    if (!config.prompts.empty()) source.Read(config.prompts);
    settings.prompts = MakePrompts(*sampler_, source);
    if (statistics_ == nullptr) MeasureReference(settings);
    evaluator_ = std::make_unique<RuntimeEvaluator>(
        *sampler_, supernet_->weights(), *space_of_features_.features, *statistics_,
        UniformCandidate(BitWidth::kFloatBits), space_->Naive(), settings, *images_);
    journaled_ = std::make_unique<JournaledEvaluator>(*evaluator_, *journal_, 1);
  }

  // Features of the float model's own samples, at trajectory_steps, on noise of their own; kept for
  // a resumed run.
  void MeasureReference(const EvaluatorSettings& settings) {
    clock_.Begin("reference");
    const FeatureExtractor& features = *space_of_features_.features;
    const auto path = session_.out / kStatisticsName;
    if (!std::filesystem::exists(path)) {
      const auto timesteps =
          UniformTimesteps(settings.trajectory_steps, sampler_->schedule().training_steps());
      SamplerOptions options;
      options.batch = settings.batch, options.threads = settings.threads;
      options.interrupted = settings.interrupted, options.progress = session_.progress;
      session_.progress->Begin("sampling the float model", settings.report_samples, "samples");
      const std::vector<float> samples =
          sampler_->Sample(sampler_->PrepareFloat(timesteps),
                           {settings.seed, RandomPurpose::kCalibration, 0, settings.report_samples,
                            settings.prompts.conditions},
                           options);
      session_.progress->End();
      FeatureAccumulator accumulator(features.dimension(), features.hash());
      accumulator.Add(features.Extract(samples, sampler_->sample_shape(), settings.threads));
      WriteFeatureStatistics(accumulator.Finish(), path);
    }
    statistics_ = std::make_unique<FrechetReference>(
        ReadFeatureStatistics(path, features.dimension(), features.hash()));
    result_.reference = "float model's samples";
  }

  Candidate UniformCandidate(int bits) const {
    return Candidate::Uniform(
        UniformTimesteps(result_.config.steps, result_.schedule.training_steps()),
        UniformPolicy(result_.model.graph.sites(), BitWidth::Of(bits), BitWidth::Of(bits)));
  }

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
      const Costs costs = space_->CostsOf(candidates[i]);
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

  // Naive and cheaper uniform candidates: the corners that every front should be compared with.
  std::vector<Candidate> UniformCandidates() const {
    std::vector<Candidate> candidates = {space_->Naive()};
    for (const int bits : result_.config.weight_bits) {
      const auto& choices = result_.config.activation_bits;
      if (std::find(choices.begin(), choices.end(), bits) == choices.end()) continue;
      const Candidate candidate = UniformCandidate(bits);
      if (space_->Fits(candidate) && !(candidate == candidates.front()))
        candidates.push_back(candidate);
    }
    return candidates;
  }

  void Search() {
    const SearchConfig& config = result_.config;
    clock_.Begin("search");
    const std::vector<Candidate> uniform = UniformCandidates();
    const int64_t per_generation =
        static_cast<int64_t>(config.population) * config.trajectory_samples +
        static_cast<int64_t>(config.metric_candidates) * config.metric_samples;
    const SensitivityProbes probes = MakeProbes(*space_);
    const int64_t warm_images =
        config.warm_start
            ? static_cast<int64_t>(probes.candidates.size()) * config.trajectory_samples +
                  static_cast<int64_t>(std::size(kBudgetShares)) * config.metric_samples
            : 0;
    int64_t images = static_cast<int64_t>(uniform.size()) * config.metric_samples;
    session_.progress->Begin("searching",
                             images + warm_images + config.generations * per_generation, "images");
    MeasureDistances(uniform);
    const Costs w8a8 = space_->CostsOf(UniformCandidate(8));
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
    std::vector<Candidate> seeds = {space_->NearUniform()};
    if (config.warm_start) {
      const std::vector<Candidate> allocations = Allocations(probes);
      seeds.push_back(allocations.front());
      MeasureDistances(allocations);
      images += warm_images;
      images_->Set(images);
    }
    Evolution evolution(*space_, settings, config.seed, std::move(seeds));
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
      auto allocation = AllocateGreedily(*space_, result_.budget.Scaled(share), probes, damages);
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
        {"naive", space_->Naive()},
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
      result_.rows.push_back({name, candidate, space_->CostsOf(candidate), answer.front()});
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
  FeatureSpace space_of_features_;
  std::unique_ptr<FrechetReference> statistics_;
  std::unique_ptr<SearchSpace> space_;
  std::unique_ptr<Supernet> supernet_;
  std::unique_ptr<RuntimeNetwork> network_;
  std::unique_ptr<DiffusionSampler> sampler_;
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
