#include "src/eval/study/algorithm_outputs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/results/estimate_json.h"

namespace tmpq {
namespace {

constexpr double kShares[] = {0.01, 0.02, 0.05, 0.1, 0.2};  // of the evaluations
constexpr int kCurvePoints = 60;                            // evenly spaced in the logarithm

struct Spread {
  double median = 0, least = 0, most = 0;
};
Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return {(values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back()};
}
Json SpreadToJson(const Spread& spread) {
  return {{"median", NumberOrNull(spread.median)},
          {"least", NumberOrNull(spread.least)},
          {"most", NumberOrNull(spread.most)}};
}

using Shares = std::vector<double> AlgorithmRun::*;

std::vector<const AlgorithmRun*> RunsOf(const AlgorithmStudy& study, const std::string& name) {
  std::vector<const AlgorithmRun*> runs;
  for (const AlgorithmRun& run : study.runs) {
    if (run.algorithm == name) runs.push_back(&run);
  }
  return runs;
}

int64_t Evaluations(const AlgorithmStudy& study, double share) {
  return std::max<int64_t>(1, std::lround(share * static_cast<double>(study.candidates)));
}

Spread SpreadAfter(const std::vector<const AlgorithmRun*>& runs, Shares shares,
                   int64_t evaluations) {
  std::vector<double> values;
  for (const AlgorithmRun* run : runs) values.push_back(ShareAfter(run->*shares, evaluations));
  return SpreadOf(std::move(values));
}

// Of the evaluations for kFound; infinite where a run never gets there.
Spread SpreadToFound(const std::vector<const AlgorithmRun*>& runs, Shares shares) {
  std::vector<double> values;
  for (const AlgorithmRun* run : runs) {
    const int64_t needed = EvaluationsFor(run->*shares, kFound);
    values.push_back(needed > 0 ? static_cast<double>(needed) : INFINITY);
  }
  return SpreadOf(std::move(values));
}

std::string Format(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Count(double value) { return std::isfinite(value) ? Format("%.0f", value) : "never"; }

std::string CountCell(const Spread& spread) {
  std::string text = Count(spread.median);
  if (spread.least != spread.most)
    text += " (" + Count(spread.least) + " - " + Count(spread.most) + ")";
  return text;
}

std::string ShareCell(const Spread& spread) {
  std::string text = Format("%.4f", spread.median);
  if (spread.least != spread.most)
    text += " (" + Format("%.4f", spread.least) + " - " + Format("%.4f", spread.most) + ")";
  return text;
}

std::string TableOf(const AlgorithmStudy& study, Shares shares) {
  std::string text = "| algorithm |", rule = "|---|";
  for (const double share : kShares) {
    text += " " + Format("%.0f %%", 100 * share) + " = " +
            std::to_string(Evaluations(study, share)) + " |";
    rule += "---|";
  }
  text += " evaluations for 99 % |\n" + rule + "---|\n";
  for (const std::string& name : study.config.AlgorithmList()) {
    const auto runs = RunsOf(study, name);
    text += "| " + name + " |";
    for (const double share : kShares) {
      text += " " + ShareCell(SpreadAfter(runs, shares, Evaluations(study, share))) + " |";
    }
    text += " " + CountCell(SpreadToFound(runs, shares)) + " |\n";
  }
  return text;
}

// Rank correlation of the engine's predictions, of the first seed that has one.
std::string PredictionText(const AlgorithmStudy& study) {
  for (const AlgorithmRun& run : study.runs) {
    if (run.model_spearman.n == 0) continue;
    const auto text_of = [](const Estimate& estimate) {
      return Format("%.3f", estimate.value) + " [" + Format("%.3f", estimate.low) + ", " +
             Format("%.3f", estimate.high) + "]";
    };
    return "Spearman's correlation of predicted and true errors, over the " +
           std::to_string(run.model_spearman.n) + " candidates that " + run.algorithm + " (seed " +
           std::to_string(run.seed) + ") had not evaluated after 5 %: by the tables alone " +
           text_of(run.tables_spearman) + ", calibrated " + text_of(run.model_spearman) + ".\n";
  }
  return "";
}

Json CurveOf(const AlgorithmStudy& study, const std::vector<const AlgorithmRun*>& runs,
             Shares shares) {
  Json evaluations = Json::array(), median = Json::array(), least = Json::array(),
       most = Json::array();
  int64_t last = 0;
  for (int i = 0; i <= kCurvePoints; ++i) {
    const auto n = static_cast<int64_t>(
        std::lround(std::pow(static_cast<double>(study.candidates), i * 1.0 / kCurvePoints)));
    if (n == last) continue;
    last = n;
    const Spread spread = SpreadAfter(runs, shares, n);
    evaluations.push_back(n), median.push_back(spread.median);
    least.push_back(spread.least), most.push_back(spread.most);
  }
  return {{"evaluations", std::move(evaluations)},
          {"median", std::move(median)},
          {"least", std::move(least)},
          {"most", std::move(most)}};
}

Json SideToJson(const AlgorithmStudy& study, const std::vector<const AlgorithmRun*>& runs,
                Shares shares) {
  Json at = Json::object();
  for (const double share : kShares) {
    at[Format("%g", share)] = SpreadToJson(SpreadAfter(runs, shares, Evaluations(study, share)));
  }
  return {{"share_at", std::move(at)},
          {"evaluations_to_found", SpreadToJson(SpreadToFound(runs, shares))},
          {"curve", CurveOf(study, runs, shares)}};
}

}  // namespace

Json AlgorithmStudyToJson(const AlgorithmStudy& study) {
  Json front = Json::array();
  for (const auto& point : study.front) front.push_back({point.bitops, point.error});
  Json algorithms = Json::array();
  for (const std::string& name : study.config.AlgorithmList()) {
    const auto runs = RunsOf(study, name);
    Json row = {{"name", name},
                {"seeds", runs.size()},
                {"error", SideToJson(study, runs, &AlgorithmRun::share)},
                {"log_error", SideToJson(study, runs, &AlgorithmRun::log_share)}};
    Json predictions = Json::array();
    for (const AlgorithmRun* run : runs) {
      if (run->model_spearman.n == 0) continue;
      predictions.push_back({{"seed", run->seed},
                             {"tables", EstimateToJson(run->tables_spearman)},
                             {"calibrated", EstimateToJson(run->model_spearman)}});
    }
    if (!predictions.empty()) row["spearman_of_predictions"] = std::move(predictions);
    algorithms.push_back(std::move(row));
  }
  return {{"format", "tmpq-algorithms-1"},
          {"program", std::string("tmpq-bench ") + Version()},
          {"model", study.model},
          {"config", ConfigText(study.config)},
          {"hashes", study.hashes},
          {"candidates", study.candidates},
          {"space_size", study.space_size},
          {"found", kFound},
          {"reference_share", kReferenceShare},
          {"front", std::move(front)},
          {"algorithms", std::move(algorithms)}};
}

std::string AlgorithmTable(const AlgorithmStudy& study) {
  const std::string candidates = std::to_string(study.candidates),
                    points = std::to_string(study.front.size());
  return "# Search algorithms against the exhaustive truth of " + study.model + "\n\n" + "All " +
         candidates + " candidates of a small space, measured once; the true front (" +
         "squared error against BitOps) has " + points + " points. Cells: share of its " +
         "hypervolume after a share of the evaluations, median over " +
         std::to_string(study.config.seeds) + " seeds (least - most). Objectives are in units of " +
         "the true front's range, the reference point is " + Format("%.1f", kReferenceShare) +
         " of it.\n\n## Hypervolume of squared error and BitOps\n\n" +
         TableOf(study, &AlgorithmRun::share) +
         "\n## Hypervolume of the logarithm of the squared error and BitOps\n\n" +
         TableOf(study, &AlgorithmRun::log_share) + "\n" + PredictionText(study);
}

std::string AlgorithmCsv(const AlgorithmStudy& study) {
  std::string text = "algorithm,seed,objective,evaluations";
  for (const double share : kShares) text += ",share_at_" + Format("%g", share);
  text += ",evaluations_for_99\n";
  for (const AlgorithmRun& run : study.runs) {
    for (const bool logarithmic : {false, true}) {
      const std::vector<double>& shares = logarithmic ? run.log_share : run.share;
      text += run.algorithm + "," + std::to_string(run.seed) + "," +
              (logarithmic ? "log_error" : "error") + "," + std::to_string(shares.size());
      for (const double share : kShares) {
        text += "," + Format("%.6f", ShareAfter(shares, Evaluations(study, share)));
      }
      const int64_t needed = EvaluationsFor(shares, kFound);
      text += "," + (needed > 0 ? std::to_string(needed) : "") + "\n";
    }
  }
  return text;
}

void WriteAlgorithmStudy(const AlgorithmStudy& study, const std::filesystem::path& folder) {
  WriteFileAtomically(folder / kAlgorithmTableName, AlgorithmTable(study));
  WriteFileAtomically(folder / kAlgorithmCsvName, AlgorithmCsv(study));
  WriteFileAtomically(folder / kAlgorithmsName, AlgorithmStudyToJson(study).dump(2) + "\n");
}

}  // namespace tmpq
