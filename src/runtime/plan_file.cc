#include "src/runtime/plan_file.h"

#include <map>
#include <set>
#include <utility>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.plan";
constexpr const char* kFormat = "tmpq-plan-1";
constexpr const char* kAlphaBar = "schedule.alpha_bar";
constexpr const char* kParameterPrefix = "parameters.";

// Names of the weights that no step needs in float.
std::set<std::string> IntegerOnlyWeights(const Graph& graph, const Candidate& candidate) {
  std::set<std::string> names;
  const SiteTable& table = graph.sites();
  for (size_t s = 0; s < table.sites.size(); ++s) {
    if (table.sites[s].kind != SiteKind::kWeight) continue;
    bool needed = false;
    for (const Policy& policy : candidate.policies()) needed = needed || policy[s].is_float();
    if (!needed) names.insert(table.sites[s].layer + ".weight");
  }
  return names;
}

PlanDescription ReadDescription(const TensorFile& file) {
  const std::string where = file.path().string();
  if (file.metadata().count(kMetadataKey) == 0) {
    throw Error(ErrorCode::kInput, where, "is not a plan", "plans are written by tmpq-search");
  }
  const Json json = ParseJson(file.Metadata(kMetadataKey), where);
  if (JsonGet<std::string>(json, "format", where) != kFormat) {
    throw Error(ErrorCode::kInput, where, std::string("is not of format ") + kFormat);
  }
  PlanDescription plan;
  const Json model = JsonGet<Json>(json, "model", where);
  plan.model_name = JsonGet<std::string>(model, "name", where);
  plan.model_hash = HashFromHex(JsonGet<std::string>(model, "hash", where), where);
  plan.graph = Graph::FromJson(JsonGet<Json>(json, "graph", where), where);
  plan.sampler = SamplerSettings::FromJson(JsonGet<Json>(json, "sampler", where), where);
  if (json.contains("text")) plan.text = json["text"];
  if (json.contains("pipeline")) plan.pipeline = JsonGet<std::string>(json, "pipeline", where);
  plan.provenance = JsonGet<Json>(json, "provenance", where);
  const auto alpha_bar = file.Doubles(kAlphaBar);
  Json schedule = JsonGet<Json>(json, "schedule", where);
  schedule["alpha_bar"] = std::vector<double>(alpha_bar.begin(), alpha_bar.end());
  plan.schedule = NoiseSchedule::FromJson(schedule, where);
  plan.candidate =
      CandidateFromJson(JsonGet<Json>(json, "candidate", where), plan.schedule.training_steps(),
                        plan.graph.sites().sites.size(), where);
  return plan;
}

}  // namespace

void WritePlan(const std::filesystem::path& path, const PlanDescription& description,
               const ParameterSet& parameters, const QuantTable& weights) {
  TensorFileWriter writer;
  const SiteTable& table = description.graph.sites();
  std::map<int, QuantTable::Use> uses;  // by weight site
  const Candidate& candidate = description.candidate;
  for (int k = 0; k < candidate.steps(); ++k) {
    const Policy& policy = candidate.policy(k);
    const int range = weights.scheme().RangeOf(candidate.timesteps()[k]);
    for (size_t s = 0; s < table.sites.size(); ++s) {
      if (table.sites[s].kind != SiteKind::kWeight || policy[s].is_float()) continue;
      QuantTable::Use& use = uses[static_cast<int>(s)];
      use.weights.emplace(policy[s].bits(), range);
      use.activations.insert(policy[s + 1].bits());
    }
  }
  for (const auto& [site, use] : uses) weights.CopyTo(writer, site, use);
  const std::set<std::string> integer_only =
      IntegerOnlyWeights(description.graph, description.candidate);
  for (const auto& [name, shape] : description.graph.parameters()) {
    if (integer_only.count(name) == 0)
      writer.AddFloats(kParameterPrefix + name, shape, parameters.Get(name));
  }
  const std::vector<double>& alpha_bar = description.schedule.alpha_bar;
  writer.AddDoubles(kAlphaBar, {static_cast<int64_t>(alpha_bar.size())}, alpha_bar);
  Json metadata = {
      {"format", kFormat},
      {"model", {{"name", description.model_name}, {"hash", description.model_hash.Hex()}}},
      {"graph", description.graph.ToJson()},
      {"candidate", CandidateToJson(description.candidate)},
      {"schedule", description.schedule.ToJson()},
      {"sampler", description.sampler.ToJson()},
      {"provenance", description.provenance}};
  if (!(weights.scheme() == QuantScheme{})) metadata["scheme"] = SchemeToJson(weights.scheme());
  if (!description.text.is_null()) metadata["text"] = description.text;
  if (!description.pipeline.empty()) metadata["pipeline"] = description.pipeline;
  writer.SetMetadata(kMetadataKey, metadata.dump());
  writer.Write(path);
}

PlanFile::PlanFile(const std::filesystem::path& path)
    : file_(path, TensorFile::Checksum::kRequired), description_(ReadDescription(file_)) {
  const std::set<std::string> integer_only =
      IntegerOnlyWeights(description_.graph, description_.candidate);
  for (const auto& [name, shape] : description_.graph.parameters()) {
    if (integer_only.count(name) > 0) continue;
    parameters_.SetView(name, file_.Floats(kParameterPrefix + name, shape));
  }
  const Json json = ParseJson(file_.Metadata(kMetadataKey), path.string());
  weights_ = std::make_unique<QuantTable>(
      file_, description_.graph.sites(),
      json.contains("scheme") ? SchemeFromJson(json["scheme"], path.string()) : QuantScheme{});
}

}  // namespace tmpq
