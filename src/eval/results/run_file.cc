#include "src/eval/results/run_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/results/hdf5_file.h"
#include "src/eval/results/run_file_parts.h"

namespace tmpq {
namespace {

constexpr int32_t kNoStep = -1;  // fills rows of candidates with fewer steps

// Numbers of an enumeration with their names, so that a reader needs no source code.
template <typename Enum>
void DescribeEnum(Hdf5Writer& file, const std::string& path, Enum last) {
  std::vector<int64_t> numbers;
  std::vector<std::string> names;
  for (int value = 0; value <= static_cast<int>(last); ++value) {
    numbers.push_back(value);
    names.emplace_back(NameOf(static_cast<Enum>(value)));
  }
  file.SetAttribute(path, "enum_values", numbers);
  file.SetAttribute(path, "enum_names", names);
}

void DescribeQuantity(Hdf5Writer& file, const std::string& path, const Quantity& quantity) {
  file.SetAttribute(path, "meaning", quantity.meaning);
  file.SetAttribute(path, "minimized", static_cast<int64_t>(quantity.minimized));
}

void WriteSites(Hdf5Writer& file, const RunRecord& record) {
  std::vector<std::string> names, layers;
  std::vector<uint8_t> kinds, groups;
  std::vector<int64_t> elements;
  for (const QuantSite& site : record.sites) {
    names.push_back(site.name);
    layers.push_back(site.layer);
    kinds.push_back(static_cast<uint8_t>(site.kind));
    groups.push_back(static_cast<uint8_t>(site.group));
    elements.push_back(site.elements);
  }
  const auto count = static_cast<int64_t>(record.sites.size());
  file.Write("/sites/name", names);
  file.Write("/sites/layer", layers);
  file.Write("/sites/kind", kinds, {count}, "1");
  DescribeEnum(file, "/sites/kind", SiteKind::kSoftmax);
  file.Write("/sites/group", groups, {count}, "1");
  DescribeEnum(file, "/sites/group", LayerGroup::kEmbedding);
  file.Write("/sites/elements", elements, {count}, "1");
}

// Policies of all candidates, each distinct one once, numbered in order of first use.
class PolicyTable {
 public:
  int32_t IndexOf(const Policy& policy) {
    const auto [found, is_new] = index_.emplace(policy, static_cast<int32_t>(index_.size()));
    if (is_new) {
      for (const BitWidth width : policy) bits_.push_back(static_cast<uint8_t>(width.bits()));
    }
    return found->second;
  }

  void Write(Hdf5Writer& file, int64_t sites) const {
    file.Write("/policies", bits_, {static_cast<int64_t>(index_.size()), sites}, "bits");
    file.SetAttribute("/policies", "meaning",
                      std::string("bit-width of every site, one policy a row; 32 is float"));
  }

 private:
  std::map<Policy, int32_t> index_;
  std::vector<uint8_t> bits_;
};

// Two matrices (candidates, most steps): timesteps, and rows of /policies; noisiest step first.
void WriteCandidates(Hdf5Writer& file, const std::string& group,
                     const std::vector<const Candidate*>& candidates, PolicyTable& policies) {
  int width = 0;
  for (const Candidate* candidate : candidates) width = std::max(width, candidate->steps());
  std::vector<int32_t> steps, timesteps, policy;
  for (const Candidate* candidate : candidates) {
    steps.push_back(candidate->steps());
    for (int k = 0; k < width; ++k) {
      const bool used = k < candidate->steps();
      timesteps.push_back(used ? candidate->timesteps()[k] : kNoStep);
      policy.push_back(used ? policies.IndexOf(candidate->policy(k)) : kNoStep);
    }
  }
  const auto count = static_cast<int64_t>(candidates.size());
  file.Write(group + "/steps", steps, {count}, "1");
  file.Write(group + "/timesteps", timesteps, {count, width}, "training timesteps");
  file.Write(group + "/policy", policy, {count, width}, "1");
}

void WriteCosts(Hdf5Writer& file, const std::string& group,
                const std::vector<const Costs*>& costs) {
  for (const CostKind& kind : CostKinds()) {
    const auto has = [&](const Costs* cost) { return HasCost(*cost, kind); };
    if (!std::all_of(costs.begin(), costs.end(), has)) continue;
    std::vector<double> values;
    for (const Costs* cost : costs) values.push_back(kind.get(*cost));
    const std::string path = group + "/" + kind.name;
    file.Write(path, values, {static_cast<int64_t>(values.size())}, kind.units);
    DescribeQuantity(file, path, {kind.units, kind.meaning, true});
  }
}

void WriteEvaluations(Hdf5Writer& file, const RunRecord& record, PolicyTable& policies) {
  std::vector<uint8_t> fidelities;
  std::vector<std::string> hashes;
  std::vector<const Candidate*> candidates;
  std::vector<const Costs*> costs;
  std::set<std::string> names;
  for (const RunEvaluation& evaluation : record.evaluations) {
    fidelities.push_back(static_cast<uint8_t>(evaluation.fidelity));
    hashes.push_back(evaluation.candidate.hash().Hex());
    candidates.push_back(&evaluation.candidate);
    costs.push_back(&evaluation.costs);
    for (const auto& [name, value] : evaluation.measurements) names.insert(name);
  }
  const auto count = static_cast<int64_t>(record.evaluations.size());
  file.Write("/evaluations/fidelity", fidelities, {count}, "1");
  DescribeEnum(file, "/evaluations/fidelity", kLastFidelity);
  file.Write("/evaluations/candidate_hash", hashes);
  WriteCandidates(file, "/evaluations", candidates, policies);
  WriteCosts(file, "/evaluations/costs", costs);
  file.MakeGroup("/evaluations/measurements");
  for (const std::string& name : names) {
    const Quantity quantity = QuantityOf(record, name);
    std::vector<double> values;
    for (const RunEvaluation& evaluation : record.evaluations) {
      const auto found = evaluation.measurements.find(name);
      values.push_back(found == evaluation.measurements.end()
                           ? std::numeric_limits<double>::quiet_NaN()
                           : found->second);
    }
    const std::string path = "/evaluations/measurements/" + name;
    file.Write(path, values, {count}, quantity.units);
    DescribeQuantity(file, path, quantity);
  }
}

void WriteFronts(Hdf5Writer& file, const RunRecord& record) {
  file.MakeGroup("/fronts");
  for (const RunFront& front : record.fronts) {
    for (const int64_t index : front.evaluations) {
      TMPQ_CHECK(index >= 0 && index < static_cast<int64_t>(record.evaluations.size()) &&
                     record.evaluations[index].fidelity == front.fidelity,
                 "a front holds evaluations of its own fidelity");
    }
    const std::string group = std::string("/fronts/") + NameOf(front.fidelity);
    file.Write(group + "/evaluation", front.evaluations,
               {static_cast<int64_t>(front.evaluations.size())}, "1");
    SetFidelity(file, group, front.fidelity);
    SetObjectives(file, group, record, front.objectives);
  }
}

void WriteBaselines(Hdf5Writer& file, const RunRecord& record, PolicyTable& policies) {
  file.MakeGroup("/baselines");
  for (const RunBaseline& baseline : record.baselines) {
    const std::string group = "/baselines/" + baseline.name;
    WriteCandidates(file, group, {&baseline.candidate}, policies);
    WriteCosts(file, group + "/costs", {&baseline.costs});
    file.SetAttribute(group, "samples", baseline.samples);
    file.MakeGroup(group + "/metrics");
    for (const auto& [name, estimate] : baseline.metrics) {
      const Quantity quantity = QuantityOf(record, name);
      const std::string path = group + "/metrics/" + name;
      file.MakeGroup(path);
      file.SetAttribute(path, "value", estimate.value);
      file.SetAttribute(path, "low", estimate.low);
      file.SetAttribute(path, "high", estimate.high);
      file.SetAttribute(path, "n", estimate.n);
      file.SetAttribute(path, "units", quantity.units);
      DescribeQuantity(file, path, quantity);
    }
  }
}

template <typename Value>
void WriteAttributes(Hdf5Writer& file, const std::string& group,
                     const std::map<std::string, Value>& values) {
  file.MakeGroup(group);
  for (const auto& [name, value] : values) file.SetAttribute(group, name, value);
}

void FillFile(Hdf5Writer& file, const RunRecord& record) {
  file.SetAttribute("/", "schema", std::string("tmpq-run"));
  file.SetAttribute("/", "schema_version", kRunSchemaVersion);
  file.WriteText("/config", record.config_text);
  WriteAttributes(file, "/provenance", record.provenance);
  WriteAttributes(file, "/budget", record.budget);
  WriteSites(file, record);
  PolicyTable policies;
  WriteEvaluations(file, record, policies);
  WriteFronts(file, record);
  WriteHistory(file, record);
  WriteSelection(file, record);
  WriteBaselines(file, record, policies);
  policies.Write(file, static_cast<int64_t>(record.sites.size()));
  WriteAttributes(file, "/timings", record.seconds);
  file.SetAttribute("/timings", "units", std::string("s"));
}

}  // namespace

std::string SerializeRun(const RunRecord& record) {
  Hdf5Writer file;
  FillFile(file, record);
  return file.Serialize();
}

void WriteRunFile(const std::filesystem::path& path, const RunRecord& record) {
  WriteFileAtomically(path, SerializeRun(record));
}

}  // namespace tmpq
