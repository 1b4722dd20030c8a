// What a run file says of the search's course: generations, moves, the choice among finalists.
#include <set>

#include "src/core/error.h"
#include "src/eval/results/run_file_parts.h"

namespace tmpq {
namespace {

// Matrices (generations, moves that were made).
void WriteMoves(Hdf5Writer& file, const RunHistory& history) {
  if (history.moves.empty()) return;
  std::set<Move> made;
  for (const auto& moves : history.moves) {
    for (const auto& [move, success] : moves) made.insert(move);
  }
  std::vector<std::string> names;
  for (const Move move : made) names.emplace_back(NameOf(move));
  file.Write("/history/moves/name", names);
  const auto write = [&](const char* name, int64_t MoveSuccess::*member, const char* meaning) {
    std::vector<int64_t> counts;
    for (const auto& moves : history.moves) {
      for (const Move move : made) {
        const auto found = moves.find(move);
        counts.push_back(found == moves.end() ? 0 : found->second.*member);
      }
    }
    const std::string path = std::string("/history/moves/") + name;
    file.Write(path, counts,
               {static_cast<int64_t>(history.moves.size()), static_cast<int64_t>(made.size())},
               "candidates");
    file.SetAttribute(path, "meaning", std::string(meaning));
  };
  write("proposed", &MoveSuccess::proposed, "by this move, in a generation");
  write("joined_front", &MoveSuccess::joined_front,
        "of these: within the budget, and on the front of loss and BitOps when measured");
  write("improved", &MoveSuccess::improved,
        "of these: within the budget, and of less loss than any before");
}

}  // namespace

Quantity QuantityOf(const RunRecord& record, const std::string& name) {
  if (const CostKind* cost = FindCostKind(name); cost != nullptr) {
    return {cost->units, cost->meaning, true};
  }
  const auto found = record.quantities.find(name);
  TMPQ_CHECK(found != record.quantities.end(), "a run file needs the units of " + name);
  return found->second;
}

void SetFidelity(Hdf5Writer& file, const std::string& path, Fidelity fidelity) {
  file.SetAttribute(path, "fidelity", static_cast<int64_t>(fidelity));
  file.SetAttribute(path, "fidelity_name", std::string(NameOf(fidelity)));
}

void SetObjectives(Hdf5Writer& file, const std::string& path, const RunRecord& record,
                   const std::vector<std::string>& objectives) {
  std::vector<std::string> units;
  for (const std::string& name : objectives) units.push_back(QuantityOf(record, name).units);
  file.SetAttribute(path, "objectives", objectives);
  file.SetAttribute(path, "objective_units", units);
}

void WriteSelection(Hdf5Writer& file, const RunRecord& record) {
  const RunSelection& selection = record.selection;
  if (selection.evaluations.empty()) return;
  const auto count = static_cast<int64_t>(selection.evaluations.size());
  file.Write("/selection/evaluation", selection.evaluations, {count}, "1");
  const std::string units = QuantityOf(record, selection.measurement).units;
  const auto write = [&](const char* name, double Estimate::*member, const char* meaning) {
    std::vector<double> values;
    for (const Estimate& estimate : selection.minus_plan) values.push_back(estimate.*member);
    const std::string path = std::string("/selection/") + name;
    file.Write(path, values, {count}, units);
    file.SetAttribute(path, "meaning", std::string(meaning));
  };
  write("minus_plan", &Estimate::value, "measurement minus the plan's, on the same noise");
  write("minus_plan_low", &Estimate::low, "lower end of its 95 % interval");
  write("minus_plan_high", &Estimate::high, "upper end of its 95 % interval");
  file.SetAttribute("/selection", "measurement", selection.measurement);
  file.SetAttribute("/selection", "samples", selection.samples);
  file.SetAttribute("/selection", "plan", selection.plan);
}

void WriteHistory(Hdf5Writer& file, const RunRecord& record) {
  const RunHistory& history = record.history;
  const auto count = static_cast<int64_t>(history.generations.size());
  file.Write("/history/generation", history.generations, {count}, "1");
  file.Write("/history/evaluations", history.evaluations, {count}, "1");
  if (!history.network_calls.empty()) {
    file.Write("/history/network_calls", history.network_calls, {count}, "calls of one sample");
  }
  if (!history.least_loss.empty()) {
    const std::string path = "/history/" + history.minimized;
    file.Write(path, history.least_loss, {count}, "1");
    file.SetAttribute(path, "meaning", "the least so far of candidates within the budget");
    file.SetAttribute("/history", "minimized", history.minimized);
  }
  WriteMoves(file, history);
  file.Write("/history/hypervolume", history.hypervolume, {count}, "1");
  file.SetAttribute(
      "/history/hypervolume", "meaning",
      std::string(
          "share of the box between the origin and the reference point that the front dominates"));
  SetFidelity(file, "/history", history.fidelity);
  SetObjectives(file, "/history", record, history.objectives);
  file.SetAttribute("/history", "reference_point", history.reference_point);
}

std::map<Move, MoveSuccess> TotalsOf(const RunHistory& history) {
  std::map<Move, MoveSuccess> totals;
  for (const auto& moves : history.moves) {
    for (const auto& [move, success] : moves) {
      totals[move].proposed += success.proposed;
      totals[move].joined_front += success.joined_front;
      totals[move].improved += success.improved;
    }
  }
  return totals;
}

}  // namespace tmpq
