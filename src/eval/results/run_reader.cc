#include "src/eval/results/run_reader.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/results/hdf5_reader.h"

namespace tmpq {
namespace {

constexpr int kMostTrainingSteps = 1 << 30;  // timesteps were checked before they were written

class RunReader {
 public:
  explicit RunReader(const std::filesystem::path& path) : where_(path.string()), file_(path) {}

  RunRecord Read() {
    if (!file_.Has("/evaluations") || file_.Text("/", "schema") != "tmpq-run") {
      Refuse("is no run file of tmpq-search");
    }
    if (file_.Number("/", "schema_version") != kRunSchemaVersion) {
      Refuse("is of another version of the schema");
    }
    run_.config_text = file_.Strings("/config").at(0);
    for (const std::string& name : file_.AttributesOf("/provenance")) {
      run_.provenance[name] = file_.Text("/provenance", name);
    }
    for (const std::string& name : file_.AttributesOf("/budget")) {
      run_.budget[name] = file_.Real("/budget", name);
    }
    for (const std::string& name : file_.AttributesOf("/timings")) {
      if (name != "units") run_.seconds[name] = file_.Real("/timings", name);
    }
    ReadSites();
    ReadPolicies();
    ReadEvaluations();
    ReadFronts();
    ReadHistory();
    ReadSelection();
    for (const std::string& name : file_.Members("/baselines")) ReadBaseline(name);
    return std::move(run_);
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kInput, where_, what);
  }

  template <typename T>
  const std::vector<T>& OfLength(const std::vector<T>& values, size_t count,
                                 const std::string& path) const {
    if (values.size() != count) Refuse(path + " is not as long as its neighbours");
    return values;
  }

  // A number of an enumeration whose last is `last`.
  template <typename Enum>
  Enum EnumOf(int64_t value, Enum last, const std::string& path) const {
    if (value < 0 || value > static_cast<int64_t>(last)) Refuse(path + " has an unknown number");
    return static_cast<Enum>(value);
  }

  void ReadSites() {
    const std::vector<std::string> names = file_.Strings("/sites/name");
    const auto layers = OfLength(file_.Strings("/sites/layer"), names.size(), "/sites/layer");
    const auto kinds = OfLength(file_.Integers("/sites/kind"), names.size(), "/sites/kind");
    const auto groups = OfLength(file_.Integers("/sites/group"), names.size(), "/sites/group");
    const auto elements =
        OfLength(file_.Integers("/sites/elements"), names.size(), "/sites/elements");
    for (size_t s = 0; s < names.size(); ++s) {
      QuantSite site;
      site.name = names[s], site.layer = layers[s], site.elements = elements[s];
      site.kind = EnumOf(kinds[s], SiteKind::kSoftmax, "/sites/kind");
      site.group = EnumOf(groups[s], LayerGroup::kEmbedding, "/sites/group");
      run_.sites.push_back(std::move(site));
    }
  }

  void ReadPolicies() {
    const std::vector<int64_t> bits = file_.Integers("/policies");
    const size_t sites = run_.sites.size();
    if (sites == 0 || bits.size() % sites != 0) Refuse("/policies has not one row a policy");
    for (size_t at = 0; at < bits.size(); at += sites) {
      Policy policy;
      for (size_t s = 0; s < sites; ++s) {
        policy.push_back(BitWidth::Of(static_cast<int>(bits[at + s])));
      }
      policies_.push_back(std::move(policy));
    }
  }

  std::vector<Candidate> ReadCandidates(const std::string& group) const {
    const std::vector<int64_t> steps = file_.Integers(group + "/steps"),
                               timesteps = file_.Integers(group + "/timesteps"),
                               policy = file_.Integers(group + "/policy");
    OfLength(policy, timesteps.size(), group + "/policy");
    if (steps.empty()) return {};
    const size_t width = timesteps.size() / steps.size();
    OfLength(timesteps, width * steps.size(), group + "/timesteps");
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i] < 1 || steps[i] > static_cast<int64_t>(width)) Refuse(group + "/steps is wrong");
      std::vector<int> visited;
      std::vector<Policy> of_steps;
      for (size_t at = i * width; at < i * width + steps[i]; ++at) {
        if (policy[at] < 0 || policy[at] >= static_cast<int64_t>(policies_.size())) {
          Refuse(group + "/policy names no row of /policies");
        }
        visited.push_back(static_cast<int>(timesteps[at]));
        of_steps.push_back(policies_[policy[at]]);
      }
      candidates.push_back(
          Candidate::Make(TimestepSequence(std::move(visited), kMostTrainingSteps), of_steps));
    }
    return candidates;
  }

  std::vector<Costs> ReadCosts(const std::string& group, size_t count) const {
    const std::vector<std::string> names = file_.Members(group);
    std::vector<Costs> costs(count);
    for (const CostKind& kind : CostKinds()) {
      if (kind.timed && std::find(names.begin(), names.end(), kind.name) == names.end()) continue;
      const std::string path = group + "/" + kind.name;
      const std::vector<double> column = OfLength(file_.Doubles(path), count, path);
      for (size_t i = 0; i < count; ++i) kind.set(costs[i], column[i]);
    }
    return costs;
  }

  void ReadQuantity(const std::string& name, const std::string& path) {
    run_.quantities[name] = {file_.Text(path, "units"), file_.Text(path, "meaning"),
                             file_.Number(path, "minimized") != 0};
  }

  void ReadEvaluations() {
    const auto fidelities = file_.Integers("/evaluations/fidelity");
    const std::vector<Candidate> candidates =
        OfLength(ReadCandidates("/evaluations"), fidelities.size(), "/evaluations/steps");
    const auto hashes = OfLength(file_.Strings("/evaluations/candidate_hash"), fidelities.size(),
                                 "/evaluations/candidate_hash");
    const auto costs = ReadCosts("/evaluations/costs", fidelities.size());
    for (size_t i = 0; i < fidelities.size(); ++i) {
      if (candidates[i].hash().Hex() != hashes[i]) {
        throw Error(ErrorCode::kCorrupt, where_,
                    "evaluation " + std::to_string(i) + " is not of the candidate with its hash");
      }
      run_.evaluations.push_back({EnumOf(fidelities[i], kLastFidelity, "/evaluations/fidelity"),
                                  candidates[i],
                                  costs[i],
                                  {}});
    }
    for (const std::string& name : file_.Members("/evaluations/measurements")) {
      const std::string path = "/evaluations/measurements/" + name;
      const auto values = OfLength(file_.Doubles(path), fidelities.size(), path);
      for (size_t i = 0; i < values.size(); ++i) {
        if (!std::isnan(values[i])) run_.evaluations[i].measurements[name] = values[i];
      }
      ReadQuantity(name, path);
    }
  }

  void ReadFronts() {
    for (const std::string& name : file_.Members("/fronts")) {
      const std::string group = "/fronts/" + name;
      RunFront front{EnumOf(file_.Number(group, "fidelity"), kLastFidelity, group),
                     file_.Texts(group, "objectives"), file_.Integers(group + "/evaluation")};
      for (const int64_t index : front.evaluations) {
        if (index < 0 || index >= static_cast<int64_t>(run_.evaluations.size())) {
          Refuse(group + " names no evaluation");
        }
      }
      run_.fronts.push_back(std::move(front));
    }
  }

  void ReadHistory() {
    RunHistory& history = run_.history;
    history.fidelity = EnumOf(file_.Number("/history", "fidelity"), kLastFidelity, "/history");
    history.objectives = file_.Texts("/history", "objectives");
    history.reference_point = file_.Reals("/history", "reference_point");
    history.generations = file_.Integers("/history/generation");
    const size_t count = history.generations.size();
    history.evaluations =
        OfLength(file_.Integers("/history/evaluations"), count, "/history/evaluations");
    if (file_.Has("/history/network_calls")) {
      history.network_calls =
          OfLength(file_.Integers("/history/network_calls"), count, "/history/network_calls");
    }
    const std::vector<std::string> attributes = file_.AttributesOf("/history");
    const bool named =
        std::find(attributes.begin(), attributes.end(), "minimized") != attributes.end();
    history.minimized = named ? file_.Text("/history", "minimized") : kTrajectoryError;
    const std::string least = "/history/" + history.minimized;
    if (file_.Has(least)) history.least_loss = OfLength(file_.Doubles(least), count, least);
    if (file_.Has("/history/moves")) ReadMoves(count);
    history.hypervolume =
        OfLength(file_.Doubles("/history/hypervolume"), count, "/history/hypervolume");
  }

  void ReadMoves(size_t generations) {
    const std::vector<std::string> names = file_.Strings("/history/moves/name");
    run_.history.moves.resize(generations);
    const auto read = [&](const char* name, int64_t MoveSuccess::*member) {
      const std::string path = std::string("/history/moves/") + name;
      const auto counts = OfLength(file_.Integers(path), generations * names.size(), path);
      for (size_t i = 0; i < counts.size(); ++i) {
        auto& moves = run_.history.moves[i / names.size()];
        moves[MoveOf(names[i % names.size()])].*member = counts[i];
      }
    };
    read("proposed", &MoveSuccess::proposed);
    read("joined_front", &MoveSuccess::joined_front);
    read("improved", &MoveSuccess::improved);
    for (auto& moves : run_.history.moves) {
      std::erase_if(moves, [](const auto& entry) { return entry.second.proposed == 0; });
    }
  }

  Move MoveOf(const std::string& name) {
    for (int value = 0; value <= static_cast<int>(kLastMove); ++value) {
      if (name == NameOf(static_cast<Move>(value))) return static_cast<Move>(value);
    }
    Refuse("/history/moves names an unknown move \"" + name + "\"");
  }

  void ReadSelection() {
    if (!file_.Has("/selection")) return;
    RunSelection& selection = run_.selection;
    selection.measurement = file_.Text("/selection", "measurement");
    selection.samples = file_.Number("/selection", "samples");
    selection.plan = file_.Number("/selection", "plan");
    selection.evaluations = file_.Integers("/selection/evaluation");
    const size_t count = selection.evaluations.size();
    for (const int64_t index : selection.evaluations) {
      if (index < 0 || index >= static_cast<int64_t>(run_.evaluations.size())) {
        Refuse("/selection names no evaluation");
      }
    }
    if (selection.plan < 0 || selection.plan >= static_cast<int64_t>(count)) {
      Refuse("/selection has no plan");
    }
    const auto column = [&](const std::string& path) {
      return OfLength(file_.Doubles(path), count, path);
    };
    const std::vector<double> value = column("/selection/minus_plan"),
                              low = column("/selection/minus_plan_low"),
                              high = column("/selection/minus_plan_high");
    for (size_t i = 0; i < count; ++i) {
      selection.minus_plan.push_back({value[i], low[i], high[i], selection.samples});
    }
  }

  void ReadBaseline(const std::string& name) {
    const std::string group = "/baselines/" + name;
    const std::vector<Candidate> candidates = ReadCandidates(group);
    if (candidates.size() != 1) Refuse(group + " is not one candidate");
    RunBaseline baseline{
        name, candidates[0], ReadCosts(group + "/costs", 1)[0], file_.Number(group, "samples"), {}};
    for (const std::string& metric : file_.Members(group + "/metrics")) {
      const std::string path = group + "/metrics/" + metric;
      baseline.metrics[metric] = {file_.Real(path, "value"), file_.Real(path, "low"),
                                  file_.Real(path, "high"), file_.Number(path, "n")};
      ReadQuantity(metric, path);
    }
    run_.baselines.push_back(std::move(baseline));
  }

  std::string where_;
  Hdf5Reader file_;
  RunRecord run_;
  std::vector<Policy> policies_;
};

}  // namespace

RunRecord ReadRunFile(const std::filesystem::path& path) {
  try {
    return RunReader(path).Read();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUsage) throw;  // of bit-widths and timesteps
    throw Error(ErrorCode::kInput, path.string(), error.what());
  }
}

const RunBaseline* FindBaseline(const RunRecord& run, const std::string& name) {
  for (const RunBaseline& baseline : run.baselines) {
    if (baseline.name == name) return &baseline;
  }
  return nullptr;
}

}  // namespace tmpq
