#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

Candidate Numbered(int i) {
  return Candidate::Uniform(TimestepSequence({i}, 1000), {BitWidth::Of(4)});
}

// Scores by a formula and counts its calls.
class SpyEvaluator : public Evaluator {
 public:
  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override {
    std::vector<Measurements> answers;
    for (const Candidate& candidate : candidates) {
      ++calls;
      const double score = std::sqrt(candidate.timesteps()[0]) / 3 + static_cast<int>(fidelity);
      answers.push_back({{"score", score}, {"odd", candidate.timesteps()[0] % 2 ? INFINITY : NAN}});
    }
    return answers;
  }
  int calls = 0;
};

class JournalTest : public testing::Test {
 protected:
  void SetUp() override { path_ = TestPath(); }

  // Eight candidates, one twice, at two fidelities.
  std::vector<double> Work(Journal& journal) {
    JournaledEvaluator evaluator(spy_, journal, 3);
    std::vector<Candidate> candidates;
    for (const int i : {5, 1, 9, 5, 7, 2, 30, 8}) candidates.push_back(Numbered(i));
    std::vector<double> scores;
    for (const Fidelity fidelity : {Fidelity::kTrajectory, Fidelity::kMetrics}) {
      for (const Measurements& answer : evaluator.Evaluate(candidates, fidelity))
        scores.push_back(answer.at("score"));
    }
    return scores;
  }

  std::filesystem::path path_;
  JournalHeader header_{"steps = 20\nseed = 0\n", {{"model", "abc"}}, "revision"};
  SpyEvaluator spy_;
};

TEST_F(JournalTest, MeasuresEverythingOnce) {
  const auto first = Work(*Journal::Create(path_, header_));
  EXPECT_EQ(spy_.calls, 14);
  EXPECT_EQ(Work(*Journal::Resume(path_, header_)), first);
  EXPECT_EQ(spy_.calls, 14);
  const JournalContent content = ReadJournal(path_);
  EXPECT_EQ(content.records.size(), 14u);
  EXPECT_TRUE(std::isinf(content.records[0].measurements.at("odd")));
  EXPECT_THROW(Journal::Create(path_, header_), Error);
}

TEST_F(JournalTest, CutAnywhereItResumesToTheSameBytes) {
  const auto scores = Work(*Journal::Create(path_, header_));
  const std::string whole = ReadFile(path_);
  const size_t header_end = whole.find('\n') + 1;
  for (size_t size = header_end; size < whole.size(); size += 13) {
    WriteFileAtomically(path_, std::string_view(whole).substr(0, size));
    EXPECT_EQ(Work(*Journal::Resume(path_, header_)), scores);
    ASSERT_EQ(ReadFile(path_), whole) << "cut at " << size;
  }
}

TEST_F(JournalTest, FlippedBitsAreFoundUnlessTheyAreTheTail) {
  Work(*Journal::Create(path_, header_));
  const std::string whole = ReadFile(path_);
  const size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t at = 0; at < whole.size(); at += 11) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    WriteFileAtomically(path_, bytes);
    if (at < last_line) {
      try {
        ReadJournal(path_);
        ADD_FAILURE() << "byte " << at;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt) << at << ": " << error.what();
        EXPECT_NE(std::string(error.what()).find(path_.string()), std::string::npos)
            << error.what();
      }
    } else {
      EXPECT_EQ(ReadJournal(path_).records.size(), 13u) << at;
    }
  }
}

TEST_F(JournalTest, AnotherConfigIsNamed) {
  Journal::Create(path_, header_);
  const auto says = [&](JournalHeader header, const std::string& what) {
    try {
      Journal::Resume(path_, header);
      ADD_FAILURE() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2);
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  };
  JournalHeader other = header_;
  other.config_text = "steps = 20\nseed = 7\n";
  says(other, "seed");
  other = header_;
  other.hashes["model"] = "def";
  says(other, "model");
  other = header_;
  other.git_revision = "elsewhere";
  EXPECT_NO_THROW(Journal::Resume(path_, other));
  WriteFileAtomically(path_, "hello\nworld\n");
  EXPECT_THROW(Journal::Resume(path_, header_), Error);
}

}  // namespace
}  // namespace tmpq
