#include "src/eval/report/report_tables.h"

#include <vector>

#include "src/eval/proxies/losses.h"
#include "src/eval/report/html.h"
#include "src/eval/results/run_reader.h"

namespace tmpq {

std::string MetricTitle(const RunRecord& run, const std::string& name) {
  std::string title = InWords(name);
  const Quantity& quantity = run.quantities.at(name);
  if (quantity.units != "1") title += ", " + quantity.units;
  return "<span title=\"" + EscapeHtml(quantity.meaning) + "\">" + EscapeHtml(title) + "</span>";
}

std::string EstimateCell(const Estimate& estimate) {
  return "<span class=\"value\">" + ShortNumber(estimate.value) +
         "</span><span class=\"interval\">[" + ShortNumber(estimate.low) + ", " +
         ShortNumber(estimate.high) + "]</span>";
}

std::string BudgetTable(const RunRecord& run) {
  const RunBaseline* plan = FindBaseline(run, "plan");
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, limit] : run.budget) {
    rows.push_back({EscapeHtml(InWords(name)), ShortNumber(limit)});
    if (plan == nullptr || FindCostKind(name) == nullptr) continue;
    const double used = CostByName(plan->costs, name);
    rows.back().push_back(ShortNumber(used));
    rows.back().push_back(ShortNumber(100 * used / limit) + " %");
  }
  if (rows.empty()) return "<p>No limits.</p>\n";
  return HtmlTable({"", "limit", "plan", "used"}, rows);
}

std::string SelectionTable(const RunRecord& run) {
  const RunSelection& selection = run.selection;
  if (selection.evaluations.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < selection.evaluations.size(); ++i) {
    const RunEvaluation& finalist = run.evaluations[selection.evaluations[i]];
    const bool is_plan = static_cast<int64_t>(i) == selection.plan;
    rows.push_back({is_plan ? "plan" : std::to_string(i + 1),
                    std::to_string(finalist.candidate.steps()),
                    ShortNumber(finalist.measurements.at(selection.measurement)),
                    is_plan ? "–" : EstimateCell(selection.minus_plan[i])});
  }
  return "<h2>Finalists</h2>\n" +
         HtmlTable({"", "steps", MetricTitle(run, selection.measurement), "minus the plan's"},
                   rows) +
         "<p class=\"note\">On selection noise, " + std::to_string(selection.samples) +
         " samples, the same of all; 95 % intervals of paired differences. Where an interval holds "
         "0, noise may have chosen.</p>\n";
}

std::string MovesTable(const RunRecord& run) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [move, success] : TotalsOf(run.history)) {
    rows.push_back({NameOf(move), std::to_string(success.proposed),
                    std::to_string(success.joined_front), std::to_string(success.improved)});
  }
  if (rows.empty()) return "";
  return "<h2>Moves</h2>\n" +
         HtmlTable({"made by", "candidates", "joined the front", "new best"}, rows) +
         "<p class=\"note\">Front of what the algorithm minimises and BitOps, when measured; both "
         "within the budget.</p>\n";
}

}  // namespace tmpq
