#include "src/eval/driver/search_driver.h"

#include <algorithm>
#include <optional>
#include <set>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/driver/job_evaluator.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/driver/search_stage.h"
#include "src/eval/driver/search_table.h"
#include "src/eval/driver/stage_clock.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/sensitivity/sensitivity_file.h"

namespace tmpq {
namespace {

constexpr int64_t kShownSamples = 20;  // of samples.png, a row each for float and plan

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
    evaluator_ = OpenRuntimeEvaluator(*bench_, session_.interrupted, *images_);
    if (session_.ranks != nullptr) job_ = OpenJobEvaluator(*bench_, session_, *images_);
    // A job streams its answers; a process measures one candidate after the other.
    Evaluator& inner = job_ != nullptr ? *job_ : *evaluator_;
    journaled_ = std::make_unique<JournaledEvaluator>(inner, *journal_, job_ != nullptr ? 0 : 1);
    calls_ = std::make_unique<CallCounter>(*journaled_, bench_->evaluator_settings(),
                                           bench_->sampler_settings().calls_per_step());
  }

  const SearchSpace& space() const { return bench_->space(); }

  void Search() {
    clock_.Begin("search");
    stage_ = std::make_unique<SearchStage>(*bench_, *calls_, *images_, *session_.progress,
                                           table_.has_value() ? &*table_ : nullptr);
    const SearchConfig& config = result_.config;
    session_.progress->BeginRun(
        stage_->MostImages() +
            static_cast<int64_t>(config.selection_candidates) * config.selection_samples +
            ReportImages(DistinctOf(BaselineRows()) + 1) + TimedImages(BaselineRows()),
        "images");
    stage_->Run();
    result_.objectives = stage_->history().objectives;
    result_.history = stage_->history();
    result_.prediction = stage_->prediction();
    result_.front = stage_->measured().archive().Entries();
    result_.predicted_front = stage_->predicted_front();
  }

  // What the plan is compared with.
  std::vector<NamedCandidate> BaselineRows() const {
    return {{"float", bench_->UniformCandidate(BitWidth::kFloatBits)},
            {"naive", space().Naive()},
            {"w4a4", bench_->UniformCandidate(4)},
            {"w8a8", bench_->UniformCandidate(8)}};
  }

  static int64_t DistinctOf(const std::vector<NamedCandidate>& rows) {
    std::set<std::string> distinct;
    for (const auto& [name, candidate] : rows) distinct.insert(candidate.bytes());
    return std::ssize(distinct);
  }

  int64_t ReportImages(int64_t candidates) const {
    return candidates * result_.config.report_samples + result_.config.converged_samples;
  }

  void Select() {
    clock_.Begin("select");
    const std::vector<Candidate> finalists = stage_->Finalists();
    images_->Set(0);
    session_.progress->Begin(
        "selecting", static_cast<int64_t>(finalists.size()) * result_.config.selection_samples,
        "images");
    const std::vector<Measurements> answers = journaled_->Evaluate(finalists, Fidelity::kSelection);
    session_.progress->End();
    result_.selection = ChooseFinalist(
        finalists, answers, result_.config.SelectedBy(), result_.config.selection_samples,
        result_.config.selection_test ? stage_->best_row() : std::nullopt);
    result_.plan = finalists[result_.selection.plan];
  }

  void Report() {
    clock_.Begin("report");
    std::vector<NamedCandidate> rows = BaselineRows();
    rows.emplace_back("plan", result_.plan);
    std::vector<Candidate> candidates;
    for (const auto& [name, candidate] : rows) candidates.push_back(candidate);
    images_->Set(0);
    session_.progress->Begin("reporting", ReportImages(DistinctOf(rows)), "images");
    // All at once, so that the ranks of a job have rows of their own.
    const std::vector<Measurements> answers = journaled_->Evaluate(candidates, Fidelity::kReport);
    for (size_t i = 0; i < rows.size(); ++i) {
      result_.rows.push_back(
          {rows[i].first, candidates[i], space().CostsOf(candidates[i]), answers[i]});
    }
    session_.progress->End();
    if (session_.time_sampling) Time(rows);
  }

  int64_t TimedImages(const std::vector<NamedCandidate>& rows) const {
    return session_.time_sampling ? DistinctOf(rows) * TimedSamples(*bench_, session_) : 0;
  }

  void Time(const std::vector<NamedCandidate>& rows) {
    clock_.Begin("time");
    images_->Set(0);
    session_.progress->Begin("timing", TimedImages(rows), "images");
    result_.times = TimeSampling(rows, *bench_, session_, *evaluator_);
    session_.progress->End();
  }

  SearchSession session_;
  SearchResult result_;
  StageClock clock_;
  std::unique_ptr<SearchBench> bench_;
  std::unique_ptr<ImageProgress> images_;
  std::unique_ptr<RuntimeEvaluator> evaluator_;
  std::unique_ptr<Evaluator> job_;  // null where this process evaluates alone
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<JournaledEvaluator> journaled_;
  std::unique_ptr<CallCounter> calls_;
  std::optional<SensitivityTable> table_;
  std::unique_ptr<SearchStage> stage_;
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
