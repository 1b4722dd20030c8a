#include "src/eval/driver/search_table.h"

#include <cmath>
#include <cstdio>

#include "src/eval/proxies/losses.h"

namespace tmpq {
namespace {

std::string EstimateText(const ReportRow& row, const char* metric, int decimals) {
  if (!HasEstimate(row.measurements, metric)) return "-";
  const Estimate estimate = GetEstimate(row.measurements, metric);
  char text[96];
  if (!std::isfinite(estimate.value)) return estimate.value > 0 ? "same" : "-";
  std::snprintf(text, sizeof(text), "%.*f [%.*f, %.*f]", decimals, estimate.value, decimals,
                estimate.low, decimals, estimate.high);
  return text;
}

// A metric of all rows, where the rows have it.
std::string LineOf(const SearchResult& result, const char* metric, int decimals,
                   const std::string& title) {
  if (!HasEstimate(result.rows.front().measurements, metric)) return "";
  std::string line = title + ":";
  for (const ReportRow& row : result.rows) {
    line += "  " + row.name + " " + EstimateText(row, metric, decimals);
  }
  return line + "\n";
}

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

// "name: 0.1 [0.0, 0.2]: what it means": a paired difference of the plan's distance.
std::string DifferenceText(const ReportRow& plan, const char* measurement,
                           const std::string& other) {
  const Estimate difference = GetEstimate(plan.measurements, measurement);
  const char* conclusion = difference.high < 0  ? "the plan is better"
                           : difference.low > 0 ? "the plan is worse"
                                                : "not distinguishable";
  return "Distance of the plan minus " + other +
         ", same noise: " + Format("%.3f", difference.value) + " [" +
         Format("%.3f", difference.low) + ", " + Format("%.3f", difference.high) +
         "]: " + conclusion + ".\n";
}

// What the table says in words.
std::string Verdict(const SearchResult& result) {
  const ReportRow& plan = result.row("plan");
  std::string text;
  if (HasEstimate(plan.measurements, kDistanceMinusNaive)) {
    text += DifferenceText(plan, kDistanceMinusNaive, "naive");
  } else {
    text += "The plan is the naive candidate: the search found nothing better within the budget.\n";
  }
  if (HasEstimate(plan.measurements, kDistanceMinusFloat)) {
    text += DifferenceText(plan, kDistanceMinusFloat,
                           "float at " + std::to_string(result.config.steps.most) + " steps");
  }
  return text;
}

// What the plan is better than, beyond noise.
std::string SelectionText(const SearchResult& result) {
  const FinalistChoice& choice = result.selection;
  const auto others = std::ssize(choice.finalists) - 1;
  if (others == 0) return "";
  return "Chosen among " + std::to_string(choice.finalists.size()) + " finalists by " +
         InWords(choice.measurement) + " on " + std::to_string(choice.samples) +
         " samples of selection noise; beyond noise it is better than " +
         std::to_string(choice.beaten()) + " of the other " + std::to_string(others) + ".\n";
}

}  // namespace

std::string Rounded(double value) { return Format("%.3g", value); }

std::string TableOf(const SearchResult& result) {
  char line[256];
  const double w8a8_bitops = result.row("w8a8").costs.bitops;
  const bool timed = result.row("w8a8").costs.latency_ns > 0;
  std::snprintf(line, sizeof(line), "%-6s %5s  %-22s  %-20s  %-20s  %6s %6s  %7s  %9s%s\n", "",
                "steps", "distance", "PSNR to float, dB", "to converged, dB", "w bits", "a bits",
                "BitOps", "bytes", timed ? "  latency" : "");
  std::string text = line;
  for (const ReportRow& row : result.rows) {
    const std::string latency =
        timed ? Format("  %.4g ms", 1e-6 * static_cast<double>(row.costs.latency_ns)) : "";
    std::snprintf(
        line, sizeof(line), "%-6s %5d  %-22s  %-20s  %-20s  %6.2f %6.2f  %6.3fx  %9lld%s\n",
        row.name.c_str(), row.candidate.steps(), EstimateText(row, kDistance, 3).c_str(),
        EstimateText(row, kPsnrToFloat, 1).c_str(), EstimateText(row, kPsnrToConverged, 1).c_str(),
        row.costs.average_weight_bits, row.costs.average_activation_bits,
        row.costs.bitops / w8a8_bitops, static_cast<long long>(row.costs.bytes), latency.c_str());
    text += line;
  }
  text +=
      LineOf(result, kTextAlignment, 3, "Text alignment (share of the prompt's attributes shown)");
  text +=
      LineOf(result, kTextSimilarity, 4, "Text similarity (cosine by " + result.text_encoder + ")");
  text += LineOf(result, kTemporalConsistency, 4, "Temporal consistency (1 is still)");
  text += LineOf(result, kFrameDifferenceToFloat, 4,
                 "Frame difference minus the float model's, same noise");
  text += "Report noise, n = " + std::to_string(result.config.report_samples) +
          ", 95 % intervals. BitOps relative to W8A8 at the same steps. Converged: float, " +
          std::to_string(result.config.trajectory_steps) + " steps.\nDistances: in the space of " +
          result.feature_net + ", to the " + result.reference + ".\n";
  std::vector<std::string> names;
  for (const ReportRow& row : result.rows) names.push_back(row.name);
  text += SamplingTimesText(result.times, names);
  if (result.prediction.n > 0) {
    text += "Predicted against measured " + InWords(result.history.minimized) +
            ", rank correlation over " + std::to_string(result.prediction.n) +
            " candidates: " + Format("%.2f", result.prediction.value) + " [" +
            Format("%.2f", result.prediction.low) + ", " + Format("%.2f", result.prediction.high) +
            "].\n";
  }
  return text + SelectionText(result) + Verdict(result);
}

}  // namespace tmpq
