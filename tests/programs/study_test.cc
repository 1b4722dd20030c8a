// tmpq-eval --proxy-study from end to end.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

const fs::path& Folder() { return TestFolder("study"); }

ProcessResult Study(const std::string& out, const Arguments& more = {},
                    const ProcessOptions& options = {}) {
  Arguments arguments = {"--proxy-study",      "--model=fashion-dit",
                         "--steps=3",          "--trajectory-steps=5",
                         "--candidates=5",     "--pair-samples=2,4",
                         "--pair-target=6",    "--metric-samples=8,12",
                         "--metric-target=16", "--out",
                         Folder() / out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProcess("tmpq-eval", arguments, options);
}

Json ReadStudy(const std::string& out) {
  Json json = ParseJson(ReadFile(Folder() / out / "study.json"), out);
  json.erase("seconds");
  return json;
}

class StudyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    study_ = Study("study");
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static void ExpectSameStudy(const std::string& other) {
    EXPECT_EQ(ReadStudy("study"), ReadStudy(other));
    for (const char* name : {"journal.jsonl", "study.h5"}) {
      EXPECT_EQ(ReadFile(Folder() / "study" / name) == ReadFile(Folder() / other / name), true)
          << name;
    }
  }

  static ProcessResult study_;
};
ProcessResult StudyTest::study_;

TEST_F(StudyTest, CorrelatesEveryMetricWithItselfAndTheDistance) {
  ASSERT_EQ(study_.exit_code, 0) << study_.err;
  const Json study = ReadStudy("study");
  EXPECT_GE(study["candidates"].size(), 6u);
  EXPECT_EQ(study["candidates"][0], "naive");
  // Three metrics of pairs at 2 sizes, twice, and at their large n; the distance at 2 sizes.
  ASSERT_EQ(study["correlations"].size(), 3u * 5 + 2);
  for (const Json& row : study["correlations"]) {
    for (const char* name : {"spearman", "kendall", "spearman_better_half"}) {
      if (row[name]["value"].is_null()) continue;
      EXPECT_LE(std::abs(row[name]["value"].get<double>()), 1) << row;
      EXPECT_LE(row[name]["low"], row[name]["value"]);
      EXPECT_LE(row[name]["value"], row[name]["high"]);
    }
    EXPECT_EQ(row["spearman"]["n"], study["candidates"].size());
  }
  EXPECT_NE(study_.out.find("trajectory_error"), std::string::npos);
  EXPECT_NE(study_.err.find("measuring candidates: 100%"), std::string::npos);
}

TEST_F(StudyTest, ThreadsAndBatchDoNotChangeTheStudy) {
  ASSERT_EQ(Study("threads", {"--threads=3", "--batch=3"}).exit_code, 0);
  ExpectSameStudy("threads");
}

TEST_F(StudyTest, KilledStudiesResumeToTheSameBytes) {
  ProcessOptions options;
  options.kill_when = Folder() / "killed" / "journal.jsonl";
  options.kill_lines = 4;
  ASSERT_EQ(Study("killed", {}, options).exit_code, -SIGKILL);
  EXPECT_FALSE(fs::exists(Folder() / "killed/study.json"));
  const ProcessResult again = Study("killed");
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("--resume goes on"), std::string::npos) << again.err;
  const ProcessResult resumed = Study("killed", {"--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  ExpectSameStudy("killed");
  const ProcessResult other = Study("killed", {"--resume", "--seed=1"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("seed"), std::string::npos) << other.err;
}

TEST_F(StudyTest, MutantsStayNearTheNaiveCandidate) {
  ASSERT_EQ(Study("mutants", {"--mutation=0.05"}).exit_code, 0);
  EXPECT_EQ(ReadStudy("mutants")["candidates"].back(), "mutant-4");
}

TEST_F(StudyTest, Errors) {
  const auto expect = [](int code, const std::string& part, const Arguments& more) {
    const ProcessResult result = Study("errors", more);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(Folder() / "errors"));
  };
  expect(2, "candidates", {"--candidates=4"});
  expect(2, "metric_samples", {"--metric-samples=8,32"});
  expect(2, "pair_samples: names a number twice", {"--pair-samples=4,4"});
  expect(1, "nothing", {"--model=nothing"});
  const ProcessResult no_texts = Study("no-texts", {"--text-encoder=scenes-encoder"});
  EXPECT_EQ(no_texts.exit_code, 2);
  EXPECT_NE(no_texts.err.find("has no texts to compare with"), std::string::npos) << no_texts.err;
  const ProcessResult no_out = RunProcess("tmpq-eval", {"--proxy-study"});
  EXPECT_EQ(no_out.exit_code, 2);
  EXPECT_NE(no_out.err.find("--out: is missing"), std::string::npos);
}

}  // namespace
}  // namespace tmpq
