#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/plan/candidate.h"
#include "src/plan/costs.h"
#include "src/plan/timesteps.h"

namespace tmpq {
namespace {

// One linear of 4 inputs and 3 outputs over 5 tokens, and one attention.
SiteTable SmallTable() {
  SiteTable table;
  const auto add = [&](const char* layer, SiteKind kind, int64_t elements, int64_t inputs,
                       int64_t outputs) {
    table.sites.push_back({std::string(layer) + "." + NameOf(kind), layer, kind,
                           LayerGroup::kFeedForward, elements, inputs, outputs});
  };
  add("fc", SiteKind::kWeight, 12, 4, 3);
  add("fc", SiteKind::kActivation, 20, 4, 0);
  add("attention", SiteKind::kQuery, 20, 4, 0);
  add("attention", SiteKind::kKey, 20, 4, 0);
  add("attention", SiteKind::kValue, 20, 4, 0);
  add("attention", SiteKind::kSoftmax, 25, 5, 0);
  table.products = {{0, 1, 60}, {2, 3, 100}, {5, 4, 100}};
  table.float_parameter_bytes = 40;
  return table;
}

TEST(BitWidthTest, AcceptsOnlyWhatTheContractNames) {
  for (const int bits : {2, 3, 8, 16, 32}) EXPECT_EQ(BitWidth::Of(bits).bits(), bits);
  for (const int bits : {-1, 0, 1, 9, 15, 17, 31, 33})
    EXPECT_THROW(BitWidth::Of(bits), Error) << bits;
  EXPECT_TRUE(BitWidth::Parse("float").is_float());
  EXPECT_LT(BitWidth::Of(8), BitWidth::Float());
}

TEST(TimestepsTest, QuadraticGroupsAreThoseOfTmpqDm) {
  const auto groups = TimestepGroups::Make(Grouping::kQuadratic, 10, 1000);
  const int begins[] = {0, 9, 39, 88, 158, 246, 355, 483, 632, 800};
  ASSERT_EQ(groups.count(), 10);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(groups.begin(i), begins[i]);
    EXPECT_EQ(groups.end(i), i < 9 ? begins[i + 1] : 1000);
  }
  EXPECT_EQ(groups.FirstOfEach().values().front(), 800);
}

TEST(TimestepsTest, QuadraticGroupsRefuseWhatWouldLoseGroups) {
  EXPECT_NO_THROW(TimestepGroups::Make(Grouping::kQuadratic, 29, 1000));
  for (const int count : {30, 31, 50, 1000}) {
    EXPECT_THROW(TimestepGroups::Make(Grouping::kQuadratic, count, 1000), Error) << count;
  }
}

TEST(TimestepsTest, GroupsPartitionTheRange) {
  for (const Grouping grouping : {Grouping::kQuadratic, Grouping::kUniform}) {
    for (int count = 1; count <= 29; ++count) {
      const auto groups = TimestepGroups::Make(grouping, count, 1000);
      int covered = 0;
      for (int i = 0; i < count; ++i) {
        EXPECT_EQ(groups.begin(i), covered);
        EXPECT_GT(groups.size(i), 0);
        covered = groups.end(i);
      }
      EXPECT_EQ(covered, 1000);
    }
  }
}

TEST(TimestepsTest, UniformTimestepsEndAtBothEnds) {
  EXPECT_EQ(UniformTimesteps(4, 1000).values(), (std::vector<int>{999, 749, 499, 249}));
  EXPECT_EQ(UniformTimesteps(1, 1000).values(), std::vector<int>{999});
  EXPECT_EQ(UniformTimesteps(1000, 1000).size(), 1000);
  EXPECT_THROW(UniformTimesteps(0, 1000), Error);
  EXPECT_THROW(UniformTimesteps(1001, 1000), Error);
}

TEST(TimestepsTest, SequencesDecreaseStrictly) {
  EXPECT_THROW(TimestepSequence({5, 5}, 10), Error);
  EXPECT_THROW(TimestepSequence({4, 5}, 10), Error);
  EXPECT_THROW(TimestepSequence({10}, 10), Error);
  EXPECT_THROW(TimestepSequence({-1}, 10), Error);
  EXPECT_THROW(TimestepSequence({}, 10), Error);
}

TEST(CandidateTest, IsCanonical) {
  const SiteTable table = SmallTable();
  const Policy a = UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(4));
  const Policy b = UniformPolicy(table, BitWidth::Of(8), BitWidth::Of(8));
  const TimestepSequence steps({7, 5, 3}, 10);
  const Candidate first = Candidate::Make(steps, {b, a, b});
  ASSERT_EQ(first.policies().size(), 2u);
  EXPECT_EQ(first.policy(0), b);
  EXPECT_EQ(first.policy(1), a);
  EXPECT_EQ(first.policy_index(2), 0);
  EXPECT_EQ(first, Candidate::Make(steps, {b, a, b}));
  EXPECT_NE(first.hash(), Candidate::Make(steps, {a, b, b}).hash());
  EXPECT_EQ(Candidate::Make(steps, {a, a, a}), Candidate::Uniform(steps, a));
}

// Journals and plans name candidates by this hash: it must never change.
TEST(CandidateTest, HashIsPartOfTheFormats) {
  const Candidate candidate =
      Candidate::Uniform(TimestepSequence({999, 499}, 1000), {BitWidth::Of(4), BitWidth::Of(8)});
  EXPECT_EQ(candidate.hash().Hex(), "61954a12d938f165ed103adf88c81f21");
}

TEST(CandidateTest, JsonRoundTripsAndRefusesOthers) {
  const SiteTable table = SmallTable();
  const Policy a = UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(3));
  const Policy f = UniformPolicy(table, BitWidth::Float(), BitWidth::Float());
  const Candidate candidate = Candidate::Make(TimestepSequence({9, 2}, 10), {a, f});
  const Json json = CandidateToJson(candidate);
  EXPECT_EQ(CandidateFromJson(json, 10, table.sites.size(), "test"), candidate);
  EXPECT_THROW(CandidateFromJson(json, 9, table.sites.size(), "test"), Error);
  EXPECT_THROW(CandidateFromJson(json, 10, table.sites.size() + 1, "test"), Error);
  Json broken = json;
  broken["policy_of_step"][0] = 2;
  EXPECT_THROW(CandidateFromJson(broken, 10, table.sites.size(), "test"), Error);
  broken = json;
  broken["policies"][0][0] = 9;
  EXPECT_THROW(CandidateFromJson(broken, 10, table.sites.size(), "test"), Error);
}

TEST(CostsTest, CountByHand) {
  const SiteTable table = SmallTable();
  const Policy low = UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(3));
  const Policy high = UniformPolicy(table, BitWidth::Of(8), BitWidth::Of(8));
  const TimestepSequence steps({9, 5, 2}, 10);
  const Costs costs = CostsOf(table, Candidate::Make(steps, {low, low, high}), 2);
  const double low_call = 60 * 4 * 3 + 100 * 3 * 3 + 100 * 8 * 3, high_call = (60 + 100 + 100) * 64;
  EXPECT_EQ(costs.bitops, 2 * (2 * low_call + high_call));
  EXPECT_DOUBLE_EQ(costs.average_weight_bits, (4 + 4 + 8) / 3.0);
  EXPECT_DOUBLE_EQ(costs.average_activation_bits, (3 + 3 + 8) / 3.0);
  // Panels of 16 x 4 weights at 4 and at 8 bits, 3 scales each.
  EXPECT_EQ(costs.bytes, 40 + (64 * 4 / 8 + 12) + (64 + 12));
  EXPECT_DOUBLE_EQ(costs.stored_weight_bits, 8.0 * (32 + 12 + 64 + 12) / 12);
}

TEST(CostsTest, LatencyAddsUpOverStepsAndTimedSites) {
  SiteTable table = SmallTable();
  const TimestepSequence steps({9, 5, 2}, 10);
  const Policy low = UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(3));
  const Policy high = UniformPolicy(table, BitWidth::Of(8), BitWidth::Of(8));
  const Candidate candidate = Candidate::Make(steps, {low, low, high});
  const Costs unknown = CostsOf(table, candidate, 2);
  EXPECT_EQ(unknown.latency_ns, 0);
  table.products[0].nanoseconds = {{{4, 3}, 10}, {{8, 8}, 15}};
  table.other_nanoseconds = 100, table.working_bytes = 5000;
  const Costs costs = CostsOf(table, candidate, 2);  // a step's times are of all its calls
  EXPECT_EQ(costs.latency_ns, 3 * 100 + 2 * 10 + 15);
  EXPECT_EQ(costs.peak_bytes, costs.bytes + 5000);
  int known = 0, of_timed = 0;
  for (const CostKind& kind : CostKinds()) {
    EXPECT_EQ(FindCostKind(kind.name), &kind);
    EXPECT_TRUE(HasCost(costs, kind));
    known += HasCost(unknown, kind) ? 1 : 0, of_timed += kind.timed ? 1 : 0;
    Costs copy;
    kind.set(copy, kind.get(costs));
    EXPECT_EQ(CostByName(copy, kind.name), CostByName(costs, kind.name));
  }
  EXPECT_EQ(known + of_timed, static_cast<int>(CostKinds().size()));
  EXPECT_EQ(of_timed, 2);
}

TEST(CostsTest, FloatCountsThirtyTwoBits) {
  const SiteTable table = SmallTable();
  const Candidate candidate = Candidate::Uniform(
      TimestepSequence({9}, 10), UniformPolicy(table, BitWidth::Float(), BitWidth::Float()));
  const Costs costs = CostsOf(table, candidate, 1);
  EXPECT_EQ(costs.bitops, 260.0 * 32 * 32);
  EXPECT_EQ(costs.bytes, 40 + 4 * 12);
  EXPECT_EQ(costs.average_weight_bits, 32);
}

}  // namespace
}  // namespace tmpq
