#include "src/eval/driver/search_outputs.h"

#include <algorithm>
#include <cmath>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/data/image_writer.h"
#include "src/eval/models/any_model.h"
#include "src/eval/models/pipeline_model.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/noise_blocks.h"
#include "src/eval/proxies/runtime_evaluator.h"
#include "src/eval/results/costs_json.h"
#include "src/eval/results/estimate_json.h"

namespace tmpq {
namespace {

constexpr int64_t kSampleScale = 2;  // pixels of samples.png per pixel
constexpr int64_t kShownClips = 12;

std::map<std::string, Quantity> MakeQuantities() {
  std::map<std::string, Quantity> quantities = {
      {kDistanceMinusNaive,
       {"1", "distance minus that of the naive candidate, paired on the same noise", true}},
      {kDistanceMinusFloat,
       {"1", "distance minus that of the float model at the reference steps, paired", true}},
      {kTextAlignment, {"1", "share of the prompt's attributes that a sample shows", false}},
      {kTextSimilarity, {"1", "cosine of a sample and its prompt by the text encoder", false}},
      {kTextSimilarityToFloat, {"1", "text_similarity minus the float model's, paired", false}},
      {kTemporalConsistency,
       {"1", "VBench's flicker measure of successive frames: 1 is still", false}},
      {kFrameDifferenceToFloat,
       {"1", "mean absolute frame difference minus the float model's, paired", false}},
      {kFlowScoreToFloat,
       {"pixels", "mean length of the optical flow minus the float model's, paired", false}},
      {kWarpingError,
       {"1", "mean squared error of a frame against the next one along the flow", true}},
      {kPsnrToFloat,
       {"dB", "PSNR to the float model at the reference steps, from the same noise", false}},
      {kPsnrToConverged,
       {"dB", "PSNR to the float model at trajectory_steps, from the same noise", false}}};
  for (const LossKind& loss : LossKinds()) {
    quantities[loss.measurement] = {"1", loss.meaning, true};
  }
  return quantities;
}

const std::map<std::string, Quantity>& Quantities() {
  static const std::map<std::string, Quantity> quantities = MakeQuantities();
  return quantities;
}

std::map<std::string, Estimate> EstimatesOf(const ReportRow& row) {
  std::map<std::string, Estimate> estimates;
  for (const auto& [name, quantity] : Quantities()) {
    if (HasEstimate(row.measurements, name)) estimates[name] = GetEstimate(row.measurements, name);
  }
  return estimates;
}

Json RowToJson(const ReportRow& row) {
  Json metrics = Json::object();
  int64_t samples = 0;
  for (const auto& [name, estimate] : EstimatesOf(row)) {
    metrics[name] = EstimateToJson(estimate);
    samples = std::max(samples, estimate.n);
  }
  Json json = {{"steps", row.candidate.steps()}};
  json.update(CostsToJson(row.costs));
  json["samples"] = samples, json["metrics"] = std::move(metrics);
  return json;
}

void AddPredictedFront(const SearchResult& result, RunRecord& record) {
  if (result.predicted_front.empty()) return;
  const std::string& minimized = result.history.minimized;
  RunFront front{Fidelity::kPredicted, {minimized, kBitOps}, {}};
  for (const ArchiveEntry& entry : result.predicted_front) {
    front.evaluations.push_back(static_cast<int64_t>(record.evaluations.size()));
    record.evaluations.push_back({Fidelity::kPredicted,
                                  entry.candidate,
                                  CostsOf(result.sites, entry.candidate, result.calls_per_step),
                                  {{minimized, entry.objectives[0]}}});
  }
  record.fronts.push_back(std::move(front));
}

// `selected`: rows of evaluations on selection noise.
void AddSelection(const SearchResult& result, const std::map<Hash128, int64_t>& selected,
                  RunRecord& record) {
  const FinalistChoice& choice = result.selection;
  record.selection = {
      choice.measurement, choice.samples, {}, static_cast<int64_t>(choice.plan), {}};
  for (const Finalist& finalist : choice.finalists) {
    record.selection.evaluations.push_back(selected.at(finalist.candidate.hash()));
    record.selection.minus_plan.push_back(finalist.minus_plan);
  }
}

Json SelectionToJson(const FinalistChoice& choice) {
  Json finalists = Json::array();
  for (const Finalist& finalist : choice.finalists) {
    finalists.push_back({{"candidate", finalist.candidate.hash().Hex()},
                         {"steps", finalist.candidate.steps()},
                         {choice.measurement, NumberOrNull(finalist.loss)},
                         {"minus_plan", EstimateToJson(finalist.minus_plan)}});
  }
  return {{"measurement", choice.measurement},
          {"samples", choice.samples},
          {"plan", choice.plan},
          {"defender", choice.defender.has_value() ? Json(*choice.defender) : Json()},
          {"beaten_beyond_noise", choice.beaten()},
          {"finalists", std::move(finalists)}};
}

// What became of the proposals, by move.
Json MovesToJson(const RunHistory& history) {
  Json json = Json::object();
  for (const auto& [move, success] : TotalsOf(history)) {
    json[NameOf(move)] = {{"proposed", success.proposed},
                          {"joined_front", success.joined_front},
                          {"improved", success.improved}};
  }
  return json;
}

RunRecord RecordOf(const SearchResult& result) {
  RunRecord record;
  record.config_text = ConfigText(result.config);
  record.provenance = result.hashes;
  record.provenance["program"] = std::string("tmpq-search ") + Version();
  record.provenance["git_revision"] = GitRevision();
  record.provenance["model_name"] = result.model.name;
  record.budget = result.budget.limits();
  record.sites = result.sites.sites;
  record.quantities = Quantities();
  const SiteTable& table = result.sites;
  std::map<Hash128, int64_t> index_of, selected;
  for (const JournalRecord& entry : result.records) {
    if (entry.fidelity == Fidelity::kReport) continue;  // these are the baselines
    const Candidate candidate = CandidateFromJson(entry.candidate, result.schedule.training_steps(),
                                                  table.sites.size(), "journal");
    if (entry.fidelity == Fidelity::kMetrics)
      index_of[candidate.hash()] = static_cast<int64_t>(record.evaluations.size());
    if (entry.fidelity == Fidelity::kSelection)
      selected[candidate.hash()] = static_cast<int64_t>(record.evaluations.size());
    Measurements measurements = entry.measurements;
    std::erase_if(measurements, [](const auto& member) { return IsBlock(member.first); });
    record.evaluations.push_back({entry.fidelity, candidate,
                                  CostsOf(table, candidate, result.calls_per_step),
                                  std::move(measurements)});
  }
  AddSelection(result, selected, record);
  RunFront front{Fidelity::kMetrics, result.objectives, {}};
  for (const ArchiveEntry& entry : result.front)
    front.evaluations.push_back(index_of.at(entry.candidate.hash()));
  record.fronts = {front};
  AddPredictedFront(result, record);
  record.history = result.history;
  for (const ReportRow& row : result.rows) {
    record.baselines.push_back(
        {row.name, row.candidate, row.costs, result.config.report_samples, EstimatesOf(row)});
  }
  record.seconds = result.seconds;
  return record;
}

// Images: a row of the float model's above a row of the plan's. Clips: strips and animations of the
// float model's left of the plan's.
void WriteSamples(const SearchResult& result, const std::filesystem::path& folder) {
  const Graph& graph = result.model.graph;
  const Shape& latent = graph.node(graph.FindInput("sample")).shape;
  const auto elements = ElementsOf(latent);
  auto count = static_cast<int64_t>(result.float_samples.size()) / elements;
  std::vector<float> samples;
  const auto append = [&](const std::vector<float>& from, int64_t index, int64_t size) {
    samples.insert(samples.end(), from.begin() + index * elements,
                   from.begin() + (index + size) * elements);
  };
  const bool clips = latent.size() == 4;
  if (!clips) {
    append(result.float_samples, 0, count), append(result.plan_samples, 0, count);
  } else {
    count = std::min(count, kShownClips);
    for (int64_t i = 0; i < count; ++i) {
      append(result.float_samples, i, 1), append(result.plan_samples, i, 1);
    }
  }
  const Pictures pictures = DecodeSamples(PipelineOf(result.model), std::move(samples), latent, 0);
  const ImageBatch batch = BatchOf(pictures.values, 2 * count, pictures.shape);
  WriteFileAtomically(folder / kSamplesName, EncodePngGrid(batch, clips ? 2 : count, kSampleScale));
  if (clips) WriteFileAtomically(folder / kClipsName, EncodeGifGrid(batch, 8, 2 * kSampleScale));
}

// The captions of the sample sheet: each shown sample's prompt, what float model and plan make of
// it, and the same over all report samples, with intervals.
Json SheetOf(const SearchResult& result) {
  Json samples = Json::array();
  const auto& elements = result.model.graph.node(result.model.graph.FindInput("sample")).shape;
  const size_t count = result.float_samples.size() / ElementsOf(elements);
  const auto add = [&](Json& sample, const char* row, size_t i,
                       const std::map<std::string, std::vector<double>>& values) {
    for (const auto& [name, column] : values) sample[row][name] = NumberOrNull(column[i]);
  };
  for (size_t i = 0; i < count; ++i) {
    Json sample = {{"prompt", result.prompts[i % result.prompts.size()]}};
    add(sample, "float", i, result.float_values), add(sample, "plan", i, result.plan_values);
    samples.push_back(std::move(sample));
  }
  Json sheet = {{"format", "tmpq-samples-1"}, {"samples", std::move(samples)}};
  for (const char* row : {"float", "plan"}) {
    for (const auto& [name, values] : result.float_values) {
      sheet[row][name] = EstimateToJson(GetEstimate(result.row(row).measurements, name));
    }
  }
  return sheet;
}

}  // namespace

void WriteOutputs(const SearchResult& result, const std::filesystem::path& folder) {
  WriteSamples(result, folder);
  if (!result.prompts.empty()) {
    WriteFileAtomically(folder / kSheetName, SheetOf(result).dump(2) + "\n");
  }
  WriteRunFile(folder / kRunName, RecordOf(result));
  WriteFileAtomically(folder / kSummaryName, SummaryOf(result).dump(2) + "\n");
}

Json SummaryOf(const SearchResult& result) {
  Json summary = {{"format", "tmpq-summary-1"},
                  {"model", result.model.name},
                  {"budget", result.budget.limits()}};
  for (const ReportRow& row : result.rows) summary[row.name] = RowToJson(row);
  const RunHistory& history = result.history;
  summary["hypervolume"] = history.hypervolume.empty() ? 0 : history.hypervolume.back();
  summary["network_calls"] = history.network_calls.empty() ? 0 : history.network_calls.back();
  if (result.prediction.n > 0) {
    summary["prediction_rank_correlation"] = EstimateToJson(result.prediction);
  }
  summary["selection"] = SelectionToJson(result.selection);
  summary["moves"] = MovesToJson(history);
  summary["evaluations"] = history.evaluations.empty() ? 0 : history.evaluations.back();
  summary["feature_net"] = {{"name", result.feature_net},
                            {"hash", result.hashes.at("feature_net")},
                            {"reference", result.reference}};
  if (!result.text_encoder.empty()) {
    summary["text_encoder"] = {{"name", result.text_encoder},
                               {"hash", result.hashes.at("text_encoder")}};
  }
  summary["seconds"] = result.seconds;
  if (!result.times.executor.empty()) summary["times"] = SamplingTimesToJson(result.times);
  return summary;
}

}  // namespace tmpq
