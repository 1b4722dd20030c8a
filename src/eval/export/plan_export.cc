#include "src/eval/export/plan_export.h"

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/export/diffusers_timesteps.h"
#include "src/eval/export/exported_weights.h"
#include "src/eval/results/costs_json.h"
#include "src/plan/costs.h"
#include "src/plan/quant_scheme.h"

namespace tmpq {
namespace {

// {layer: {kind: bits}} in site order; a softmax's layer is its attention.
Json BitsOf(const std::vector<QuantSite>& sites, const Policy& policy) {
  Json layers = Json::object();
  for (size_t s = 0; s < sites.size(); ++s) {
    layers[sites[s].layer][NameOf(sites[s].kind)] = policy[s].bits();
  }
  return layers;
}

Json LayersOf(const PlanFile& plan) {
  Json layers = Json::array();
  const auto& sites = plan.description().graph.sites().sites;
  for (const ExportedWeights& weights : WeightsInUse(plan)) {
    const QuantSite& site = sites[weights.site];
    if (layers.empty() || layers.back()["name"] != site.layer) {
      layers.push_back(
          {{"name", site.layer}, {"group", NameOf(site.group)}, {"weights", Json::array()}});
    }
    Json entry = {{"bits", weights.bits}, {"tensor", weights.weight_name}};
    if (!weights.codes_name.empty()) entry["codes"] = weights.codes_name;
    if (weights.range >= 0) entry["range"] = weights.range;
    layers.back()["weights"].push_back(std::move(entry));
  }
  return layers;
}

}  // namespace

Json PolicyJson(const PlanFile& plan) {
  const PlanDescription& description = plan.description();
  const Candidate& candidate = description.candidate;
  const SiteTable table = WithScheme(description.graph.sites(), plan.weights().scheme());
  Json policies = Json::array(), steps = Json::array();
  for (const Policy& policy : candidate.policies()) policies.push_back(BitsOf(table.sites, policy));
  for (int k = 0; k < candidate.steps(); ++k) {
    steps.push_back(
        {{"timestep", candidate.timesteps()[k]}, {"policy", candidate.policy_index(k)}});
  }
  Json json = {
      {"format", "tmpq-policy-1"},
      {"model", {{"name", description.model_name}, {"hash", description.model_hash.Hex()}}},
      {"plan_hash", plan.hash().Hex()},
      {"candidate_hash", candidate.hash().Hex()},
      {"steps", std::move(steps)},
      {"policies", std::move(policies)},
      {"layers", LayersOf(plan)},
      {"costs", CostsToJson(CostsOf(table, candidate, description.sampler.calls_per_step()))}};
  if (!(plan.weights().scheme() == QuantScheme{})) {
    json["scheme"] = SchemeToJson(plan.weights().scheme());
  }
  return json;
}

Json TimestepsJson(const PlanFile& plan) {
  const PlanDescription& description = plan.description();
  const TimestepSequence& timesteps = description.candidate.timesteps();
  return {{"format", "tmpq-timesteps-1"},
          {"timesteps", timesteps.values()},
          {"sampler", description.sampler.ToJson()},
          {"schedule", description.schedule.ToJson(/*with_table=*/true)},
          {"diffusers", DiffusersScheduler(description.schedule, description.sampler, timesteps)}};
}

void ExportPlan(const PlanFile& plan, const std::filesystem::path& folder, bool overwrite) {
  if (std::filesystem::exists(folder) && !overwrite &&
      (!std::filesystem::is_directory(folder) || !std::filesystem::is_empty(folder))) {
    throw Error(ErrorCode::kUsage, folder.string(), "exists",
                "--overwrite replaces what is in it, or name another --out");
  }
  const std::vector<ExportedWeights> in_use = WeightsInUse(plan);
  PrepareFolder(folder);
  WriteFileAtomically(folder / kExportedPolicy, PolicyJson(plan).dump(2) + "\n");
  WriteFileAtomically(folder / kExportedTimesteps, TimestepsJson(plan).dump(2) + "\n");
  FloatTensors(plan, in_use).Write(folder / kExportedWeights);
  CodeTensors(plan, in_use).Write(folder / kExportedCodes);
}

}  // namespace tmpq
