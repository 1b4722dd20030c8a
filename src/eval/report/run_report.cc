#include "src/eval/report/run_report.h"

#include <algorithm>
#include <set>

#include "src/core/config_text.h"
#include "src/core/file.h"
#include "src/eval/driver/sampling_times.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/report/html.h"
#include "src/eval/report/page_style.h"
#include "src/eval/report/report_charts.h"
#include "src/eval/report/report_tables.h"
#include "src/eval/results/run_reader.h"
#include "src/search/budget.h"

namespace tmpq {
namespace {

std::string ReadIfThere(const std::filesystem::path& path) {
  return std::filesystem::exists(path) ? ReadFile(path) : "";
}

std::vector<std::string> MetricsOf(const RunRecord& run) {
  std::set<std::string> names;
  for (const RunBaseline& baseline : run.baselines) {
    for (const auto& [name, estimate] : baseline.metrics) names.insert(name);
  }
  std::vector<std::string> ordered(names.begin(), names.end());
  std::stable_sort(ordered.begin(), ordered.end(), [](const std::string& a, const std::string& b) {
    return (a == kDistance) > (b == kDistance);
  });
  return ordered;
}

std::string Results(const RunRecord& run) {
  const std::vector<std::string> metrics = MetricsOf(run);
  const RunBaseline* w8a8 = FindBaseline(run, "w8a8");
  std::vector<std::string> header = {"", "steps"};
  for (const std::string& name : metrics) header.push_back(MetricTitle(run, name));
  header.insert(header.end(), {"weight bits", "activation bits",
                               w8a8 != nullptr ? "BitOps / W8A8" : "BitOps", "bytes"});
  const bool timed = w8a8 != nullptr && w8a8->costs.latency_ns > 0;
  if (timed) header.emplace_back("latency, ms");
  std::vector<std::vector<std::string>> rows;
  int64_t samples = 0;
  for (const RunBaseline* baseline : OrderedBaselines(run)) {
    std::vector<std::string> row = {EscapeHtml(baseline->name),
                                    std::to_string(baseline->candidate.steps())};
    for (const std::string& name : metrics) {
      const auto found = baseline->metrics.find(name);
      row.push_back(found == baseline->metrics.end() ? "–" : EstimateCell(found->second));
    }
    const Costs& costs = baseline->costs;
    row.push_back(ShortNumber(costs.average_weight_bits));
    row.push_back(ShortNumber(costs.average_activation_bits));
    row.push_back(ShortNumber(w8a8 != nullptr ? costs.bitops / w8a8->costs.bitops : costs.bitops));
    row.push_back(std::to_string(costs.bytes));
    if (timed) row.push_back(ShortNumber(1e-6 * static_cast<double>(costs.latency_ns)));
    rows.push_back(std::move(row));
    samples = std::max(samples, baseline->samples);
  }
  return HtmlTable(header, rows) + "<p class=\"note\">On report noise, which neither search nor " +
         "choice of the plan saw, " + std::to_string(samples) +
         " samples, with 95 % intervals.</p>\n";
}

// What distances are, and what the plan gained.
std::string Verdict(const RunReport& report) {
  std::string text;
  const RunBaseline* plan = FindBaseline(report.run, "plan");
  if (plan != nullptr && plan->metrics.count(kDistanceMinusNaive) > 0) {
    const Estimate& difference = plan->metrics.at(kDistanceMinusNaive);
    text += "<p>Distance of the plan minus naive, same noise: " + ShortNumber(difference.value) +
            " [" + ShortNumber(difference.low) + ", " + ShortNumber(difference.high) + "]: " +
            (difference.high < 0  ? "the plan is better"
             : difference.low > 0 ? "the plan is worse"
                                  : "not distinguishable") +
            ".</p>\n";
  }
  if (report.summary.is_object() && report.summary.contains("feature_net")) {
    const Json& space = report.summary["feature_net"];
    text += "<p>Distances are squared Fréchet distances in the space of " +
            EscapeHtml(space.value("name", "")) + " to the " +
            EscapeHtml(space.value("reference", "")) + ".</p>\n";
  }
  if (report.summary.is_object() && report.summary.contains("times")) {
    std::vector<std::string> names;
    for (const RunBaseline& baseline : report.run.baselines) names.push_back(baseline.name);
    const SamplingTimes times = SamplingTimesFromJson(report.summary["times"], kSummaryName);
    text += "<p>" + EscapeHtml(SamplingTimesText(times, names)) + "</p>\n";
  }
  return text;
}

std::string Figure(const std::string& caption, const std::string& content) {
  if (content.empty()) return "";
  return "<figure><figcaption>" + caption + "</figcaption>" + content + "</figure>\n";
}

std::string Charts(const RunRecord& run) {
  int64_t left_out = 0;
  const std::string front = FrontChart(run, left_out);
  std::string point, note =
                         "Pareto front. Rows of the report have intervals; what was searched is "
                         "of search noise and fewer samples";
  if (left_out > 0) note += "; " + std::to_string(left_out) + " candidates lie above the chart";
  for (size_t i = 0; i < run.history.objectives.size(); ++i) {
    point += (i > 0 ? ", " : "") + EscapeHtml(run.history.objectives[i]) + " " +
             ShortNumber(run.history.reference_point.at(i));
  }
  const std::string last = run.history.hypervolume.empty()
                               ? ""
                               : ": " + ShortNumber(run.history.hypervolume.back()) + " at the end";
  return "<h2>Search</h2>\n<div class=\"charts\">\n" + Figure(note + ".", front) +
         (run.history.hypervolume.empty()
              ? ""
              : Figure("Hypervolume of the box up to " + point + last + ".",
                       HypervolumeChart(run))) +
         "</div>\n<h2>Timesteps</h2>\n<div class=\"charts\">\n" +
         Figure("Which timesteps the plan visits.", TimestepChart(run)) +
         Figure("Where the candidates of the front visit.", TimestepDensityChart(run)) +
         "</div>\n<h2>Bit-widths of the plan</h2>\n<div class=\"charts\">\n" +
         Figure("Weights.", BitsChart(run, true)) +
         Figure("Activations; query, key, value and softmax of attentions.",
                BitsChart(run, false)) +
         "</div>\n";
}

std::string SheetTable(const Json& sheet) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> header = {"prompt"};
  for (const Json& sample : sheet.value("samples", Json::array())) {
    std::vector<std::string> row = {EscapeHtml(sample.value("prompt", ""))};
    for (const char* who : {"float", "plan"}) {
      if (!sample.contains(who)) continue;
      for (const auto& [name, value] : sample[who].items()) {
        if (rows.empty()) {
          header.push_back(EscapeHtml(InWords(name) + " of " + who));
        }
        row.push_back(value.is_number() ? ShortNumber(value.get<double>()) : "–");
      }
    }
    rows.push_back(std::move(row));
  }
  return "<details><summary>Prompts of the samples</summary>" + HtmlTable(header, rows) +
         "</details>\n";
}

std::string Samples(const RunReport& report) {
  if (report.samples_png.empty()) return "";
  const bool clips = !report.samples_gif.empty();
  std::string html = "<h2>Samples</h2>\n<p>From the same report noise: the float model's ";
  html += clips ? "left, the plan's right.</p>\n" : "above, the plan's below.</p>\n";
  html += "<div class=\"scroll\"><img alt=\"samples of the float model and the plan\" src=\"" +
          DataUri("image/png", report.samples_png) + "\"></div>\n";
  if (clips) {
    html += "<p><img alt=\"the same as animations\" src=\"" +
            DataUri("image/gif", report.samples_gif) + "\"></p>\n";
  }
  return html + (report.sheet.is_object() ? SheetTable(report.sheet) : "");
}

std::string Times(const RunRecord& run) {
  double sum = 0;
  for (const auto& [stage, seconds] : run.seconds) sum += seconds;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [stage, seconds] : run.seconds) {
    char width[64];
    std::snprintf(width, sizeof(width), "%.2f", sum > 0 ? 12 * seconds / sum : 0);
    rows.push_back({EscapeHtml(stage), ShortNumber(seconds) + " s",
                    ShortNumber(sum > 0 ? 100 * seconds / sum : 0) + " %",
                    std::string("<span class=\"bar\" style=\"width:") + width + "rem\"></span>"});
  }
  rows.push_back({"sum", ShortNumber(sum) + " s", "", ""});
  return "<h2>Time by stage</h2>\n" + HtmlTable({}, rows) +
         "<p class=\"note\">Of the process that finished the run; a resumed one's measures "
         "less.</p>\n";
}

std::string PairsTable(const std::map<std::string, std::string>& pairs) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : pairs) {
    rows.push_back({EscapeHtml(name), "<code>" + EscapeHtml(value) + "</code>"});
  }
  return HtmlTable({}, rows);
}

}  // namespace

RunReport LoadRunReport(const std::filesystem::path& folder) {
  RunReport report;
  report.run = ReadRunFile(folder / kRunName);
  const auto json = [&](const char* name) {
    const std::string text = ReadIfThere(folder / name);
    return text.empty() ? Json() : ParseJson(text, (folder / name).string());
  };
  report.summary = json(kSummaryName), report.sheet = json(kSheetName);
  report.samples_png = ReadIfThere(folder / kSamplesName);
  report.samples_gif = ReadIfThere(folder / kClipsName);
  return report;
}

std::string RenderRunReport(const RunReport& report) {
  const RunRecord& run = report.run;
  const auto config = ConfigValues(run.config_text);
  const auto value = [](const std::map<std::string, std::string>& values, const char* key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string() : EscapeHtml(found->second);
  };
  const std::string title = value(run.provenance, "model_name") + " at " + value(config, "budget") +
                            ", steps " + value(config, "steps");
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
         "name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>tmpq: " +
         title + "</title>\n<style>" + kPageStyle + "</style>\n</head>\n<body>\n<main>\n<h1>" +
         title + "</h1>\n" + Results(run) + Verdict(report) + Samples(report) +
         "<h2>Budget</h2>\n" + BudgetTable(run) + SelectionTable(run) + Charts(run) +
         MovesTable(run) + Times(run) +
         "<h2>Config and artefacts</h2>\n<details><summary>Config</summary>" + PairsTable(config) +
         "</details>\n<details open><summary>Program and hashes</summary>" +
         PairsTable(run.provenance) + "</details>\n</main>\n</body>\n</html>\n";
}

}  // namespace tmpq
