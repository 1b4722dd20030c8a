// tmpq-search that minimises other things than the error, and whole fronts.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/results/run_reader.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

fs::path Folder() { return TestFolder("search-objectives"); }

ProcessResult Search(const std::string& out, std::vector<std::string> more,
                     const ProcessOptions& options = {}) {
  return RunProcess("tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

RunRecord RunOf(const std::string& out) { return ReadRunFile(Folder() / out / "run.h5"); }

// Those of a fidelity.
std::vector<RunEvaluation> EvaluationsAt(const RunRecord& run, Fidelity fidelity) {
  std::vector<RunEvaluation> found;
  for (const RunEvaluation& evaluation : run.evaluations) {
    if (evaluation.fidelity == fidelity) found.push_back(evaluation);
  }
  return found;
}

class SearchObjectivesTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Folder()); }
};

TEST_F(SearchObjectivesTest, TextDecidesWhatIsSearchedSelectedAndTraded) {
  const ProcessResult result = Search(
      "text", {"--model=scenes-pixart", "--minimize=text_alignment", "--select-by=text_alignment",
               "--probe-samples=1", "--objectives=text_alignment,text_similarity,bitops"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find("least text alignment loss"), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("finalists by text alignment loss"), std::string::npos) << result.out;
  const RunRecord run = RunOf("text");
  EXPECT_EQ(run.history.minimized, kTextAlignmentLoss);
  EXPECT_EQ(run.history.objectives,
            (std::vector<std::string>{kTextAlignmentLoss, kTextSimilarityLoss, kBitOps}));
  for (const RunEvaluation& evaluation : EvaluationsAt(run, Fidelity::kTrajectory)) {
    const double loss = evaluation.measurements.at(kTextAlignmentLoss);
    EXPECT_GE(loss, 0.5 / 4);  // of three samples, half a miss added
    EXPECT_LE(loss, 1);
  }
  for (const RunEvaluation& evaluation : EvaluationsAt(run, Fidelity::kMetrics)) {
    EXPECT_GT(evaluation.measurements.at(kTextSimilarityLoss), 0);
    EXPECT_TRUE(evaluation.measurements.contains(kDistance));
  }
  double least = std::numeric_limits<double>::infinity();
  for (const RunEvaluation& evaluation : EvaluationsAt(run, Fidelity::kSelection)) {
    least = std::min(least, evaluation.measurements.at(kTextAlignmentLoss));
  }
  const RunEvaluation& plan = run.evaluations[run.selection.evaluations[run.selection.plan]];
  EXPECT_EQ(plan.measurements.at(kTextAlignmentLoss), least);
}

// Of clips: eight bits are nearer to the float model's consistency than four are.
TEST_F(SearchObjectivesTest, ConsistencyOfClipsIsMeasuredAgainstFloat) {
  ASSERT_EQ(Search("clips", {"--model=sprites-stdit", "--minimize=temporal_consistency",
                             "--select-by=temporal_consistency", "--budget=8bit",
                             "--algorithm=uniform", "--warm-start=false"})
                .exit_code,
            0);
  double of_four = 0, of_eight = 0;
  for (const RunEvaluation& evaluation : EvaluationsAt(RunOf("clips"), Fidelity::kTrajectory)) {
    const double loss = evaluation.measurements.at(kTemporalConsistencyLoss);
    if (evaluation.costs.average_weight_bits == 8 && evaluation.costs.average_activation_bits == 8)
      of_eight = loss;
    if (evaluation.costs.average_weight_bits == 4 && evaluation.costs.average_activation_bits == 4)
      of_four = loss;
  }
  EXPECT_GT(of_eight, 0);
  EXPECT_GT(of_four, 2 * of_eight);
}

TEST_F(SearchObjectivesTest, AFrontIsSearchedAndResumedToTheSameBytes) {
  const std::vector<std::string> options = {"--minimize=error,psnr_to_float,bitops",
                                            "--objectives=error,bitops", "--algorithm=nsga2",
                                            "--generations=4", "--budget=6bit"};
  const ProcessResult result = Search("front", options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunRecord run = RunOf("front");
  EXPECT_EQ(run.fronts.at(0).objectives, (std::vector<std::string>{kTrajectoryError, kBitOps}));
  double least = std::numeric_limits<double>::infinity(), most = 0;
  for (const RunEvaluation& evaluation : EvaluationsAt(run, Fidelity::kTrajectory)) {
    EXPECT_GT(evaluation.measurements.at(kErrorToFloat), 0);
    least = std::min(least, evaluation.costs.bitops);
    most = std::max(most, evaluation.costs.bitops);
  }
  EXPECT_LT(least, 0.8 * run.budget.at(kBitOps));  // a budget is not filled
  ProcessOptions kill;
  kill.kill_when = Folder() / "killed" / "journal.jsonl";
  kill.kill_lines = 70;
  Search("killed", options, kill);
  std::vector<std::string> resumed = options;
  resumed.insert(resumed.end(), {"--resume", "--threads=1"});
  ASSERT_EQ(Search("killed", resumed).exit_code, 0);
  EXPECT_EQ(JournalRecords(Folder() / "killed"), JournalRecords(Folder() / "front"));
}

// Every proposal is counted once, by what made it.
TEST_F(SearchObjectivesTest, MovesAreCounted) {
  ASSERT_EQ(
      Search("moves", {"--algorithm=tmpq-dm", "--warm-start=false", "--generations=3"}).exit_code,
      0);
  const RunRecord run = RunOf("moves");
  ASSERT_EQ(run.history.moves.size(), 3u);
  const auto totals = TotalsOf(run.history);
  EXPECT_EQ(totals.at(Move::kMutation).proposed, 2 + 2 * 2);  // two of five at first, then two each
  EXPECT_EQ(totals.at(Move::kCrossover).proposed, 2);         // of generations 1 and 2
  int64_t proposed = 0, improved = 0;
  for (const auto& [move, success] : totals) {
    EXPECT_LE(success.improved, success.joined_front);  // less loss than all is on the front
    EXPECT_LE(success.joined_front, success.proposed);
    proposed += success.proposed, improved += success.improved;
  }
  EXPECT_EQ(proposed, 3 * 5);
  const Json summary = ParseJson(ReadFile(Folder() / "moves" / "summary.json"), "summary");
  EXPECT_EQ(summary["moves"]["mutation"]["proposed"], totals.at(Move::kMutation).proposed);
  // The curve of the least error falls where something improved on it.
  int64_t falls = 0;
  for (size_t i = 1; i < run.history.least_loss.size(); ++i) {
    falls += run.history.least_loss[i] < run.history.least_loss[i - 1];
  }
  EXPECT_LE(falls, improved);
}

TEST_F(SearchObjectivesTest, ADefendedPlanIsTheUniformRowOrBeatsItBeyondNoise) {
  ASSERT_EQ(Search("defended", {"--select-by=error", "--selection-test=true"}).exit_code, 0);
  const RunRecord run = RunOf("defended");
  const Json summary = ParseJson(ReadFile(Folder() / "defended" / "summary.json"), "summary");
  EXPECT_EQ(run.selection.measurement, kTrajectoryError);
  const size_t row = summary["selection"]["defender"];
  ASSERT_LT(row, run.selection.evaluations.size());
  const RunEvaluation& defender = run.evaluations[run.selection.evaluations[row]];
  EXPECT_EQ(defender.candidate.policies().size(), 1u);
  if (static_cast<int64_t>(row) != run.selection.plan) {
    EXPECT_GT(run.selection.minus_plan[row].low, 0);
  }
  ASSERT_EQ(Search("open", {"--select-by=error"}).exit_code, 0);
  const Json open = ParseJson(ReadFile(Folder() / "open" / "summary.json"), "summary");
  EXPECT_TRUE(open["selection"]["defender"].is_null());
}

TEST_F(SearchObjectivesTest, WhatCannotBeMinimisedIsRefused) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--minimize=luck"}, "one of error"},
      {{"--minimize=bitops"}, "begin with a loss"},
      {{"--minimize=error,distance"}, "algorithm nsga2"},
      {{"--minimize=distance", "--probe-samples=1"}, "too few for a distance"},
      {{"--minimize=error,latency_ns"}, "not timed"},
      {{"--objectives=distance,latency_ns"}, "not timed"},
      {{"--objectives=distance,distance"}, "twice"},
      {{"--minimize=text_alignment"}, "no judge"},
      {{"--select-by=text_similarity"}, "no text encoder"},
      {{"--objectives=temporal_consistency"}, "no clips"}};
  for (const auto& [options, said] : cases) {
    const ProcessResult result = Search("refused", options);
    EXPECT_EQ(result.exit_code, 2) << options[0];
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    fs::remove_all(Folder() / "refused");
  }
}

}  // namespace
}  // namespace tmpq
