#include "src/eval/experiment/cell_runner.h"

#include <chrono>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/driver/bit_pair.h"
#include "src/eval/driver/front_query.h"
#include "src/eval/driver/job_evaluator.h"
#include "src/eval/driver/search_driver.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/models/any_model.h"
#include "src/eval/results/costs_json.h"
#include "src/eval/samples/sample_evaluation.h"
#include "src/eval/sensitivity/measure_sensitivity.h"
#include "src/eval/sensitivity/ratio_scan.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/schedule/hand_timesteps.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

class CellRunner {
 public:
  CellRunner(const ExperimentCell& cell, const CellSession& session)
      : cell_(cell), session_(session), folder_(session.work / cell.name()) {}

  Json Run() {
    const auto begin = std::chrono::steady_clock::now();
    const ModelFile model = LoadAnyModel(cell_.source, session_.bundled);
    Json costs = Json::object();
    SourceOptions source;
    source.bundled = session_.bundled;
    if (cell_.config.method == kMethodFloat) {
      source.model = cell_.source;
      source.steps = cell_.config.steps, source.guidance = cell_.config.guidance;
      source.timesteps = Timesteps(), source.sampler = cell_.config.sampler;
    } else {
      costs = MakePlan();
      source.plan = folder_ / kPlanName, source.model = cell_.source;
    }
    SampleEvaluationResult result = Evaluate(source, model);
    result.metrics.insert(result.metrics.end(), of_search_.begin(), of_search_.end());
    fs::remove_all(folder_);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    Json networks = Json::object();
    for (const auto& [use, network] : result.networks) networks[use] = network;
    return {{"cell", cell_.name()},
            {"row", cell_.row},
            {"model", cell_.model},
            {"bits", cell_.bits},
            {"seed", cell_.seed},
            {"key", KeyOf(cell_, session_)},
            {"costs", costs},
            {"metrics", MetricsToJson(result.metrics)},
            {"history", history_},
            {"reference", result.reference},
            {"networks", networks},
            {"hashes", hashes_},
            {"git_revision", GitRevision()},
            {"seconds", seconds.count()}};
  }

 private:
  SearchSession SessionIn(const fs::path& folder) const {
    SearchSession session;
    session.out = folder, session.bundled = session_.bundled;
    session.resume = true, session.time_sampling = false;
    session.threads = session_.threads, session.batch = session_.batch;
    session.kernels = session_.kernels, session.device = session_.device;
    session.interrupted = session_.interrupted, session.progress = session_.progress;
    return session;
  }

  // What a cell that was cut off has made is of use to the same cell alone: with other settings or
  // another model, its folder is emptied.
  void ClaimFolder(const SearchConfig& config) const {
    const std::string text = KeyOf(cell_, session_) + "\n" + ConfigText(config);
    const fs::path claim = folder_ / "cell.txt";
    if (fs::exists(claim) && ReadFile(claim) == text) return;
    fs::remove_all(folder_);
    PrepareFolder(folder_);
    WriteFileAtomically(claim, text);
  }

  // Writes plan.safetensors into the cell's folder; what the plan costs.
  Json MakePlan() {
    if (cell_.config.method == kMethodSearch) return Search();
    if (cell_.config.method == kMethodPredicted) return Predict();
    return Quantize();
  }

  Json Quantize() {
    const BitPair bits = ParseBitPair(cell_.bits, cell_.name());
    const bool mixed = cell_.config.allocation != kUniformBits;
    const bool scans = mixed && cell_.config.division != kDivisionByError;
    SearchConfig config = QuantizeConfigOf(cell_);
    if (scans) {  // it measures trajectory errors
      config.trajectory_steps = config.steps.most;
      config.trajectory_samples = cell_.config.sensitivity_samples;
    }
    SensitivityTable table;
    if (mixed) table = OpenTable();
    SearchBench bench(config, SessionIn(folder_));
    Candidate candidate =  // before calibration and packing: it may be impossible
        mixed ? AllocateMixed(table, bench, MixedSettingsOf(), cell_.name()).candidate
              : Candidate::Uniform(HandTimesteps(Timesteps(), config.steps.most, bench.schedule()),
                                   UniformPolicy(bench.sites(), BitWidth::Of(bits.weight),
                                                 BitWidth::Of(bits.activation)));
    ClaimFolder(config);
    bench.OpenSampler();
    bench.OpenSupernet();
    if (scans) candidate = Scanned(table, bench);
    bench.WritePlanOf(candidate, "tmpq-experiment", folder_ / kPlanName);
    hashes_ = bench.hashes();
    return CostsToJson(bench.space().CostsOf(candidate));
  }

  MixedSettings MixedSettingsOf() const {
    MixedSettings settings;
    settings.solver = ParseAllocationSolver(cell_.config.allocation);
    settings.decoupled = cell_.config.decoupled;
    return settings;
  }

  Candidate Scanned(const SensitivityTable& table, SearchBench& bench) const {
    bench.OpenReference();
    ImageProgress images(*session_.progress);
    const auto evaluator = OpenRuntimeEvaluator(bench, session_.interrupted, images);
    const auto errors = [&](std::span<const Candidate> candidates) {
      std::vector<double> values;
      for (const Measurements& answer : evaluator->Evaluate(candidates, Fidelity::kTrajectory)) {
        values.push_back(answer.at(kTrajectoryError));
      }
      return values;
    };
    session_.progress->Begin("scanning ratios", 0, "images");
    const Candidate best =
        ScanRatios(table, bench.sites(), bench.budget(),
                   SettingsFor(table, bench, MixedSettingsOf(), cell_.name()),
                   cell_.config.division == kDivisionScanBelow ? ScannedTargets::kBelowToo
                                                               : ScannedTargets::kBudget,
                   cell_.name(), errors)
            .candidate;
    session_.progress->End();
    return best;
  }

  // The row's; where they are planned, as a list.
  std::string Timesteps() const {
    if (cell_.config.timesteps != kPlannedTimesteps) return cell_.config.timesteps;
    const SearchConfig config = JumpsConfigOf(cell_);
    const fs::path folder = JumpsFolderOf(cell_, session_);
    PrepareFolder(folder);
    SearchBench bench(config, SessionIn(folder));
    bench.OpenSampler();
    const std::vector<PlannedTimesteps> planned =
        PlanTimesteps(bench.OpenJumpErrors(), config.steps.most);
    std::string list;
    for (const int t : planned.back().timesteps) {
      list += (list.empty() ? "" : ",") + std::to_string(t);
    }
    return list;
  }

  SensitivityTable OpenTable() const {
    const fs::path folder = SensitivityFolderOf(cell_, session_);
    const fs::path path = folder / kSensitivityName;
    if (!fs::exists(path)) MeasureSensitivity(SensitivityConfigOf(cell_), SessionIn(folder));
    return ReadSensitivity(path);
  }

  Json Search() {
    const SearchConfig config = RowSearchConfigOf(cell_);
    ClaimFolder(config);
    const SearchResult result = RunSearch(config, SessionIn(folder_));
    hashes_ = result.hashes;
    const RunHistory& history = result.history;
    history_ = {{"evaluations", history.evaluations},
                {"network_calls", history.network_calls},
                {history.minimized, history.least_loss},
                {"hypervolume", history.hypervolume}};
    if (!history.generations.empty()) {  // an algorithm may have nothing to ask for
      AddNumber("network_calls", "calls of one sample",
                static_cast<double>(history.network_calls.back()));
      AddNumber(history.minimized, "1", history.least_loss.back());
    }
    return WithLatency(CostsToJson(result.row("plan").costs));
  }

  // What a search says itself, without an interval.
  void AddNumber(const std::string& name, const char* unit, double value) {
    of_search_.push_back({name, unit, {value, value, value, 1}});
  }

  // Of networks that were timed, latency is a column too.
  Json WithLatency(Json costs) {
    if (costs.contains(kLatency)) AddNumber("latency", "ms", 1e-6 * costs[kLatency].get<double>());
    return costs;
  }

  Json Predict() {
    const fs::path run = PredictingFolderOf(cell_, session_);
    if (!fs::exists(run / kRunName)) RunSearch(RowSearchConfigOf(cell_), SessionIn(run));
    SearchSession session = SessionIn(run);
    session.overwrite = true;  // a plan of a cell that was cut off
    const Json answer = AnswerFrontQuery(session, PredictedQuery(cell_.bits), Fidelity::kPredicted,
                                         folder_ / kPlanName);
    AddNumber("predicted_error", "1", answer[kTrajectoryError]["value"]);
    Json costs = Json::object();
    for (const CostKind& kind : CostKinds()) {
      if (answer.contains(kind.name)) costs[kind.name] = answer[kind.name];
    }
    return WithLatency(std::move(costs));
  }

  SampleEvaluationResult Evaluate(const SourceOptions& source, const ModelFile& model) const {
    SampleEvaluation evaluation;
    evaluation.source = source;
    evaluation.count = cell_.config.samples;
    evaluation.seed = cell_.seed;
    evaluation.float_steps = cell_.config.float_steps;
    evaluation.metrics = MetricsOf(cell_, model, session_);
    evaluation.prompts = cell_.config.prompts;
    evaluation.feature_net = cell_.config.feature_net;
    evaluation.text_encoder = cell_.config.text_encoder;
    evaluation.reward_model = cell_.config.reward_model;
    evaluation.reference = cell_.config.reference;
    evaluation.threads = session_.threads, evaluation.batch = session_.batch;
    evaluation.device = session_.device;
    evaluation.interrupted = session_.interrupted, evaluation.progress = session_.progress;
    evaluation.float_cache = session_.work / "float";
    return EvaluateSamples(
        evaluation, session_.kernels != nullptr ? *session_.kernels : kernels::BestKernels());
  }

  const ExperimentCell& cell_;
  const CellSession& session_;
  fs::path folder_;
  std::map<std::string, std::string> hashes_;
  std::vector<FileMetric> of_search_;  // what the search itself has to say
  Json history_;                       // of the search, by generation; null: no search
};

}  // namespace

Json RunCell(const ExperimentCell& cell, const CellSession& session) {
  return CellRunner(cell, session).Run();
}

}  // namespace tmpq
