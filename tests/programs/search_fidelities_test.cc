// tmpq-search with probes of fewer samples, candidates given up early, and plans of least error.
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <sstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/search/evaluator.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

fs::path Folder() { return TestFolder("search-fidelities"); }

ProcessResult Search(const std::string& out, std::vector<std::string> more,
                     const ProcessOptions& options = {}) {
  return RunProcess("tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

// Measurements of a run's journal, by fidelity and candidate.
using Journaled = std::map<Fidelity, std::map<std::string, Json>>;

std::string Records(const std::string& run) { return JournalRecords(Folder() / run); }

std::vector<Json> ParsedRecords(const std::string& run) {
  std::vector<Json> records;
  std::istringstream lines(Records(run));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) records.push_back(ParseJson(line.substr(0, line.rfind(' ')), "journal"));
  }
  return records;
}

Journaled MeasurementsOf(const std::string& run) {
  Journaled found;
  for (const Json& record : ParsedRecords(run)) {
    found[static_cast<Fidelity>(record["fidelity"].get<int>())][record["candidate_hash"]] =
        record["measurements"];
  }
  return found;
}

std::string LastReported(const std::string& run) {
  const Json last = ParsedRecords(run).back();
  EXPECT_EQ(last["fidelity"], static_cast<int>(Fidelity::kReport));
  return last["candidate_hash"];
}

class SearchFidelitiesTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Folder()); }
};

TEST_F(SearchFidelitiesTest, ProbesOfFewerSamplesChangeNoTrajectoryError) {
  ASSERT_EQ(Search("all", {}).exit_code, 0);
  ASSERT_EQ(Search("few", {"--probe-samples=1"}).exit_code, 0);
  Journaled all = MeasurementsOf("all"), few = MeasurementsOf("few");
  EXPECT_EQ(all.count(Fidelity::kProbe), 0u);
  ASSERT_GT(few[Fidelity::kProbe].size(), 10u);  // each site narrowed
  size_t compared = 0, continued = 0, differ = 0;
  for (const auto& [candidate, answer] : few[Fidelity::kTrajectory]) {
    const auto same = all[Fidelity::kTrajectory].find(candidate);
    if (same == all[Fidelity::kTrajectory].end()) continue;
    EXPECT_EQ(same->second, answer);
    ++compared;
    continued += few[Fidelity::kProbe].count(candidate);
  }
  for (const auto& [candidate, answer] : few[Fidelity::kProbe]) {
    const auto whole = all[Fidelity::kTrajectory].find(candidate);
    differ += whole != all[Fidelity::kTrajectory].end() && whole->second != answer;
  }
  EXPECT_GT(compared, 2u);
  EXPECT_GT(continued, 0u);  // the base: probed, then measured on the rest
  EXPECT_GT(differ, 10u);    // one sample is not three
}

TEST_F(SearchFidelitiesTest, WhatIsHopelessIsGivenUpAndResumedToTheSameBytes) {
  const std::vector<std::string> options = {"--probe-samples=1", "--early-termination=1",
                                            "--algorithm=random", "--warm-start=true"};
  const ProcessResult result = Search("whole", options);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.err.find(" given up), least trajectory error"), std::string::npos) << result.err;
  ProcessOptions kill;
  kill.kill_when = Folder() / "killed" / "journal.jsonl";
  kill.kill_lines = 75;
  Search("killed", options, kill);
  ASSERT_LT(Records("killed").size(), Records("whole").size());
  std::vector<std::string> resumed = options;
  resumed.insert(resumed.end(), {"--resume", "--threads=1"});
  const ProcessResult rest = Search("killed", resumed);
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(Records("killed"), Records("whole"));
}

TEST_F(SearchFidelitiesTest, ThePlanOfLeastErrorIsTheFinalistOfLeastErrorOnFreshNoise) {
  ASSERT_EQ(Search("error", {"--select-by=error", "--selection-candidates=2"}).exit_code, 0);
  ASSERT_EQ(
      Search("rows", {"--select-by=error", "--algorithm=uniform", "--warm-start=false"}).exit_code,
      0);
  Journaled measured = MeasurementsOf("error"), rows = MeasurementsOf("rows");
  std::string best_row, best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [candidate, answer] : rows[Fidelity::kTrajectory]) {
    const double error = answer.at(kTrajectoryError);
    if (error < least) least = error, best_row = candidate;
  }
  // One of the two, or beside them.
  EXPECT_TRUE(measured[Fidelity::kSelection].contains(best_row));
  ASSERT_GE(measured[Fidelity::kSelection].size(), 2u);
  ASSERT_LE(measured[Fidelity::kSelection].size(), 3u);
  for (const auto& [candidate, answer] : measured[Fidelity::kSelection]) {
    const double error = answer[kTrajectoryError];
    EXPECT_TRUE(answer.contains(kDistance));
    EXPECT_NE(measured[Fidelity::kTrajectory][candidate][kTrajectoryError], error);
    if (best.empty() || error < measured[Fidelity::kSelection][best][kTrajectoryError])
      best = candidate;
  }
  EXPECT_EQ(LastReported("error"), best);  // the plan comes after the rows that it is compared with
}

TEST_F(SearchFidelitiesTest, WhatMakesNoSenseIsRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--select-by=luck", "distance, text_alignment"},
      {"--probe-samples=3", "probe_samples"},  // of three
      {"--early-termination=2", "probe_samples"},
      {"--early-termination=0.5", "early_termination"}};
  for (const auto& [option, said] : cases) {
    const ProcessResult result = Search("refused", {option});
    EXPECT_EQ(result.exit_code, 2) << option;
    EXPECT_NE(result.err.find(said), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(Folder() / "refused")) << option;
  }
}

}  // namespace
}  // namespace tmpq
