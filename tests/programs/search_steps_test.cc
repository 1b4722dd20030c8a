// tmpq-search over numbers of steps, and over timesteps or bit-widths alone.
#include <gtest/gtest.h>

#include <set>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

fs::path Folder() { return TestFolder("search-steps"); }

ProcessResult Search(const std::string& out, std::vector<std::string> more,
                     const ProcessOptions& options = {}) {
  return RunProcess("tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

Json Summary(const std::string& run) {
  return ParseJson(ReadFile(Folder() / run / "summary.json"), run);
}

std::string Records(const std::string& run) { return JournalRecords(Folder() / run); }

class SearchStepsTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Folder()); }
};

TEST_F(SearchStepsTest, ARangeOfStepsIsTriedAndOneIsChosen) {
  const ProcessResult result = Search("range", {"--steps=2..4"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json summary = Summary("range");
  EXPECT_GE(summary["plan"]["steps"], 2);
  EXPECT_LE(summary["plan"]["steps"], 4);
  EXPECT_EQ(summary["naive"]["steps"], 4);  // the reference
  // Fewer steps may buy more bits, of the same whole.
  EXPECT_LE(summary["plan"]["bitops"], summary["budget"]["bitops"]);
  EXPECT_TRUE(summary["plan"]["metrics"].contains("distance_minus_float"));
  std::set<size_t> lengths;
  std::istringstream lines(Records("range"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const Json record = ParseJson(line.substr(0, line.rfind(' ')), "journal");
    lengths.insert(record["candidate"]["timesteps"].size());
  }
  EXPECT_EQ(lengths, (std::set<size_t>{2, 3, 4}));
  EXPECT_NE(result.err.find("generation 1 of 2"), std::string::npos) << result.err;
}

TEST_F(SearchStepsTest, KilledItGoesOnToTheSameBytes) {
  ASSERT_EQ(Search("whole", {"--steps=3..4"}).exit_code, 0);
  ProcessOptions options;
  options.kill_when = Folder() / "killed" / "journal.jsonl";
  options.kill_lines = 9;
  Search("killed", {"--steps=3..4"}, options);
  const ProcessResult rest = Search("killed", {"--steps=3..4", "--resume", "--threads=1"});
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_EQ(Records("killed"), Records("whole"));
  EXPECT_EQ(ReadFile(Folder() / "killed" / "plan.safetensors") ==
                ReadFile(Folder() / "whole" / "plan.safetensors"),
            true);
}

TEST_F(SearchStepsTest, TimestepsAloneKeepTheNaiveBits) {
  const ProcessResult result = Search("timesteps", {"--optimize=timesteps"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json summary = Summary("timesteps");
  for (const char* cost : {"bitops", "average_weight_bits", "average_activation_bits"}) {
    EXPECT_EQ(summary["plan"][cost], summary["naive"][cost]) << cost;
  }
}

TEST_F(SearchStepsTest, WhatIsNoRangeIsRefused) {
  for (const char* steps : {"--steps=4..2", "--steps=2..", "--steps=two", "--steps=0..4"}) {
    const ProcessResult result = Search("refused", {steps});
    EXPECT_EQ(result.exit_code, 2) << steps;
    EXPECT_NE(result.err.find("steps"), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(Folder() / "refused")) << steps;
  }
  const ProcessResult result = Search("refused", {"--optimize=everything"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("joint, timesteps or bits"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace tmpq
