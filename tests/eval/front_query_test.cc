#include "src/eval/driver/front_query.h"

#include <gtest/gtest.h>

#include "tests/eval/expect_error.h"
#include "tests/eval/small_run.h"

namespace tmpq {
namespace {

// Which evaluation of the small run a query chooses.
int64_t Chosen(const std::string& query) { return QueryFront(SmallRun(), query).evaluation; }

TEST(FrontQueryTest, TheLeastDistanceThatSatisfies) {
  EXPECT_EQ(Chosen("bitops<=1x"), 1);
  EXPECT_EQ(Chosen("bitops<1x"), 3);
  EXPECT_EQ(Chosen("bitops<=0.2x"), 3);
  EXPECT_EQ(Chosen("bitops<=250"), 3);
  EXPECT_EQ(Chosen("bytes<=2kB"), 2);
  EXPECT_EQ(Chosen("bytes<=2.5kB"), 3);
  EXPECT_EQ(Chosen("bytes<=2500"), 3);
  EXPECT_EQ(Chosen("steps>=4, bitops<0.5x"), 2);
  EXPECT_EQ(Chosen("steps=3"), 3);
  EXPECT_EQ(Chosen("average_weight_bits<=4.5,average_activation_bits<=4"), 2);
  EXPECT_EQ(Chosen("distance>=0.6"), 3);
  const FrontChoice choice = QueryFront(SmallRun(), "bitops<=0.25x");
  EXPECT_EQ(choice.value, 0.625);
  EXPECT_EQ(choice.fitting, 2);
  EXPECT_EQ(choice.known, 3);  // one of the four has no distance
}

TEST(FrontQueryTest, SaysWhatIsNearestWhereNothingFits) {
  ExpectError([] { Chosen("bitops<=0.1x"); },
              "none of the 3 candidates whose distance was measured satisfies it");
  ExpectError([] { Chosen("bitops<=0.1x"); }, "the nearest has bitops 0.2x");
  ExpectError([] { Chosen("bytes<2kB"); }, "bytes 2kB");
  ExpectError([] { Chosen("steps<3"); }, "steps 3");
  ExpectError([] { Chosen("distance<0.4,steps<=10"); }, "distance 0.5, steps 4");
}

TEST(FrontQueryTest, PredictedCandidatesAreChosenByTheirError) {
  RunRecord run = SmallRun();
  for (const auto& [error, of] : {std::pair{0.25, 1}, {0.5, 2}, {0.375, 3}}) {
    run.evaluations.push_back({Fidelity::kPredicted,
                               run.evaluations[of].candidate,
                               run.evaluations[of].costs,
                               {{"trajectory_error", error}}});
  }
  const auto choose = [&](const char* query) {
    return QueryFront(run, query, Fidelity::kPredicted);
  };
  EXPECT_EQ(choose("bitops<=1x").evaluation, 4);
  EXPECT_EQ(choose("bitops<1x").evaluation, 6);
  EXPECT_EQ(choose("bitops<1x").value, 0.375);
  EXPECT_EQ(choose("bytes<=2kB").known, 3);
  EXPECT_EQ(QueryFront(run, "bitops<=1x").evaluation, 1);  // measured ones are another matter
  ExpectError([&] { choose("distance<1"); }, "not predicted");
  ExpectError([&] { choose("bitops<=0.1x"); }, "3 candidates on a predicted front");
}

// Runs that traded something else are asked for it.
TEST(FrontQueryTest, TheFirstObjectiveDecides) {
  RunRecord run = SmallRun();
  ExpectError([&] { QueryFront(run, "text_alignment_loss<=0.5"); }, "--objectives");
  run.history.objectives = {"text_alignment_loss", "bitops"};
  for (const auto& [of, loss] : {std::pair{1, 0.5}, {2, 0.125}, {3, 0.25}}) {
    run.evaluations[of].measurements["text_alignment_loss"] = loss;
  }
  EXPECT_EQ(QueryFront(run, "bitops<=1x").evaluation, 2);
  EXPECT_EQ(QueryFront(run, "steps=3").value, 0.25);
  EXPECT_EQ(QueryFront(run, "text_alignment_loss>0.3").evaluation, 1);
  EXPECT_EQ(QueryFront(run, "distance<=0.7").evaluation, 3);
  ExpectError([&] { QueryFront(run, "steps=9"); }, "whose text alignment loss was measured");
}

TEST(FrontQueryTest, TimesAreOfTimedRuns) {
  RunRecord run = SmallRun();
  ExpectError([&] { QueryFront(run, "latency_ns<=15ms"); }, "without --latency");
  ExpectError([&] { QueryFront(run, "peak_bytes<=1MB"); }, "without --latency");
  for (RunEvaluation& evaluation : run.evaluations) {
    evaluation.costs.latency_ns = static_cast<int64_t>(1000 * evaluation.costs.bitops);
  }
  EXPECT_EQ(QueryFront(run, "latency_ns<=0.25ms").evaluation, 3);
  EXPECT_EQ(QueryFront(run, "latency_ns<=1ms").evaluation, 1);
  ExpectError([&] { QueryFront(run, "latency_ns<=1kB"); }, "no unit kB");
}

TEST(FrontQueryTest, RefusesWhatIsNoQuery) {
  for (const char* query :
       {"", "bitops", "bitops<=", "bitops<=x", "bitops<=-1", "bitops<=0.2y", "steps<=4x",
        "latency<=5", "bytes<=2GB", "bitops<=0.2x,", "bitops<=0.2x;steps<=4", "bitops=<1"}) {
    try {
      ParseFrontQuery(query);
      ADD_FAILURE() << query;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage) << query;
      EXPECT_NE(std::string(error.what()).find("for example"), std::string::npos) << query;
    }
  }
}

TEST(FrontQueryTest, RelativeBitOpsNeedTheirReference) {
  RunRecord run = SmallRun();
  run.baselines.pop_back();
  ExpectError([&] { QueryFront(run, "bitops<=0.2x"); }, "w8a8");
  EXPECT_EQ(QueryFront(run, "bitops<=200").evaluation, 3);
  run.evaluations.resize(1);
  ExpectError([&] { QueryFront(run, "bitops<=200"); }, "no candidate");
}

}  // namespace
}  // namespace tmpq
