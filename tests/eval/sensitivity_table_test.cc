// Sensitivity tables as files, good and bad, and what is allocated from them by hand.
#include "src/eval/sensitivity/sensitivity_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "src/core/file.h"
#include "src/eval/sensitivity/ratio_scan.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/eval/sensitivity/sensitivity_report.h"
#include "tests/eval/expect_error.h"
#include "tests/search/small_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// Two linears and an attention at 4 bits against a base of 8, in two ranges; layer fc2 is one of
// cross-attention. Change of metric m at site s in range r: 10 m + s + 1, and 100 more in range 1.
SensitivityTable SmallTable(const SiteTable& sites) {
  SensitivityTable table;
  table.model = "small";
  table.hashes = {{"model", "m"}, {"recipe", "r"}};
  table.config_text = "bits = 4,8\n";
  table.sites = sites.sites;
  table.base = Policy(sites.sites.size(), BitWidth::Of(8));
  table.training_steps = 10;
  table.timesteps = UniformTimesteps(4, 10);
  table.range_begins = {0, 5};
  table.samples = 2;
  table.metrics = {{kSquaredError, "1", "error"},
                   {kNextStepError, "1", "error of a step"},
                   {kFeatureError, "1", "error of features"}};
  table.base_values = {{.5, .1}, {.25, .1}, {.125, .1}};
  for (int s = 0; s < static_cast<int>(sites.sites.size()); ++s) {
    if (sites.sites[s].kind == SiteKind::kSoftmax) continue;
    for (int range = SensitivityRow::kAllRanges; range < 2; ++range) {
      SensitivityRow row{s, BitWidth::Of(4), range, {}};
      for (int m = 0; m < 3; ++m) {
        row.changes.push_back({10.0 * m + s + 1 + (range == 1 ? 100 : 0), .5});
      }
      table.rows.push_back(row);
    }
  }
  return table;
}

class SensitivityTableTest : public testing::Test {
 protected:
  SensitivityTableTest() : sites_(SmallNetwork()) {
    sites_.sites[2].group = sites_.sites[3].group = LayerGroup::kCrossAttention;
    table_ = SmallTable(sites_);
    for (const QuantSite& site : sites_.sites) {
      const std::vector<BitWidth> bits = {BitWidth::Of(4), BitWidth::Of(8)};
      settings_.choices.push_back(ChoicesFor(site, bits, bits));
    }
    settings_.timesteps = table_.timesteps;
    settings_.solver = AllocationSolver::kExact;
  }

  SensitivityTable Read(const SensitivityTable& table) const {
    WriteFileAtomically(path_, std::string_view(SerializeSensitivity(table)));
    return ReadSensitivity(path_);
  }
  Budget Parse(const std::string& text) const { return Budget::Parse(text, {&sites_, 4, 10, 1}); }

  SiteTable sites_;
  SensitivityTable table_;
  MixedSettings settings_;
  std::filesystem::path path_ = TestPath();
};

TEST_F(SensitivityTableTest, FilesHoldAllOfIt) {
  const SensitivityTable read = Read(table_);
  EXPECT_EQ(read.model, "small");
  EXPECT_EQ(read.hashes.at("recipe"), "r");
  EXPECT_EQ(read.base, table_.base);
  EXPECT_EQ(read.timesteps, table_.timesteps);
  EXPECT_EQ(read.range_begins, table_.range_begins);
  EXPECT_EQ(read.samples, 2);
  EXPECT_EQ(MeasuredBits(read, /*of_weights=*/true), (std::vector<int>{4, 8}));
  EXPECT_EQ(MeasuredBits(read, /*of_weights=*/false), (std::vector<int>{4, 8}));
  ASSERT_EQ(read.rows.size(), table_.rows.size());
  ASSERT_EQ(read.metrics.size(), 3u);
  for (const SensitivityMetric& metric : table_.metrics) {
    const size_t a = table_.MetricIndex(metric.name), b = read.MetricIndex(metric.name);
    EXPECT_EQ(read.metrics[b].meaning, metric.meaning);
    EXPECT_EQ(read.base_values[b].value, table_.base_values[a].value);
    for (size_t i = 0; i < read.rows.size(); ++i) {
      EXPECT_EQ(read.rows[i].site, table_.rows[i].site);
      EXPECT_EQ(read.rows[i].range, table_.rows[i].range);
      EXPECT_EQ(read.rows[i].changes[b].value, table_.rows[i].changes[a].value);
      EXPECT_EQ(read.rows[i].changes[b].standard_error, .5);
    }
  }
  EXPECT_EQ(SerializeSensitivity(table_), SerializeSensitivity(table_));
  EXPECT_NE(
      SensitivityCsv(table_).find("fc2.activation,fc2,activation,cross-attention,4,1,104,0.5"),
      std::string::npos)
      << SensitivityCsv(table_);
}

TEST_F(SensitivityTableTest, BadFilesAreRefusedByName) {
  const auto refused = [&](const std::string& part, auto&& damage) {
    SensitivityTable damaged = table_;
    damage(damaged);
    ExpectError([&] { Read(damaged); }, part);
  };
  refused("squared_error of site fc1.weight that is no number",
          [](SensitivityTable& t) { t.rows[0].changes[0].value = NAN; });
  refused("feature_error of site fc1.activation that is no number",
          [](SensitivityTable& t) { t.rows[3].changes[2].standard_error = INFINITY; });
  refused("/rows/site holds 99", [](SensitivityTable& t) { t.rows[0].site = 99; });
  refused("/rows/range holds 2", [](SensitivityTable& t) { t.rows[0].range = 2; });
  refused("site fc1.weight twice", [](SensitivityTable& t) { t.rows[1].range = -1; });
  refused("/ranges/begin does not ascend", [](SensitivityTable& t) { t.range_begins = {0, 0}; });
  WriteFileAtomically(path_, std::string_view("no such thing"));
  ExpectError([&] { ReadSensitivity(path_); }, "is no HDF5 file");
  ExpectError([&] { ReadSensitivity("/nowhere/at.h5"); }, "/nowhere/at.h5");
}

TEST_F(SensitivityTableTest, OtherModelsRecipesAndSitesAreRefused) {
  const auto check = [&](const std::string& model, const std::string& recipe,
                         const SiteTable& sites) {
    CheckTable(table_, {{"model", model}, {"recipe", recipe}}, sites, "t.h5");
  };
  check("m", "r", sites_);
  ExpectError([&] { check("n", "r", sites_); }, "another model");
  ExpectError([&] { check("m", "s", sites_); }, "another recipe");
  ExpectError([&] { check("m", "r", SmallNetwork(false)); }, "other sites");
}

TEST_F(SensitivityTableTest, MissingSitesAreNamed) {
  std::erase_if(table_.rows, [](const SensitivityRow& row) { return row.site == 2; });
  ExpectError([&] { AllocateMixed(table_, sites_, Parse("w6a8"), settings_, "t.h5"); },
              "site fc2.weight: was not measured at 4 bits");
}

// Of two weight sites at four steps one may have 8 bits at all steps or both at half of them. In
// range 1 (timesteps 5 on: two steps) changes are the larger ones.
TEST_F(SensitivityTableTest, RangesGetTheirOwnBits) {
  const MixedAllocation by_range = AllocateMixed(table_, sites_, Parse("w6a8"), settings_, "t.h5");
  for (int k = 0; k < 4; ++k) {
    const bool noisy = by_range.candidate.timesteps()[k] >= 5;
    EXPECT_EQ(by_range.candidate.policy(k)[0].bits(), noisy ? 8 : 4);
    EXPECT_EQ(by_range.candidate.policy(k)[2].bits(), noisy ? 8 : 4);
  }
  EXPECT_DOUBLE_EQ(by_range.predicted_error, 1.5 + 3.5);  // range 0 of both weights
  EXPECT_DOUBLE_EQ(by_range.costs.average_weight_bits, 6);
  settings_.by_range = false;
  const MixedAllocation same = AllocateMixed(table_, sites_, Parse("w6a8"), settings_, "t.h5");
  EXPECT_EQ(same.candidate.policies().size(), 1u);
  EXPECT_EQ(same.candidate.policy(0)[0].bits(), 4);  // change 1, that of fc2.weight is 3
  EXPECT_EQ(same.candidate.policy(0)[2].bits(), 8);
}

// Both layers have as many weights: of 6 bits the first part (fc2) has 8 at twice the second's.
TEST_F(SensitivityTableTest, RatiosDivideTheAverage) {
  settings_.decoupled = "vidit-q";
  const auto made = [&](double ratio) {
    settings_.ratios = {{kAverageWeightBits, ratio}};
    return AllocateMixed(table_, sites_, Parse("w6a8"), settings_, "t.h5");
  };
  for (const bool first : {true, false}) {
    const MixedAllocation divided = made(first ? 2 : 0.5);
    for (int k = 0; k < 4; ++k) {
      EXPECT_EQ(divided.candidate.policy(k)[2].bits(), first ? 8 : 4);  // fc2.weight
      EXPECT_EQ(divided.candidate.policy(k)[0].bits(), first ? 4 : 8);  // fc1.weight
    }
    EXPECT_DOUBLE_EQ(divided.costs.average_weight_bits, 6);
    EXPECT_DOUBLE_EQ(divided.costs.average_activation_bits, 8);
  }
  ExpectError([&] { made(3); }, "average_weight_bits: a part would have 9");
}

// A scan ends with the least of what it measured, knows the division by error too, and measures
// nothing twice in a stage.
TEST_F(SensitivityTableTest, ScansTakeTheLeastMeasuredError) {
  settings_.decoupled = "vidit-q";
  const Budget budget = Parse("w6a6");
  const Candidate by_error = AllocateMixed(table_, sites_, budget, settings_, "t.h5").candidate;
  for (const bool last : {false, true}) {  // which measured one is said to be the best
    std::vector<Candidate> seen;
    const auto errors = [&](std::span<const Candidate> candidates) {
      std::vector<double> values;
      for (auto i = candidates.begin(); i != candidates.end(); ++i) {
        EXPECT_TRUE(budget.Fits(CostsOf(sites_, *i, 1)));
        EXPECT_EQ(std::find(candidates.begin(), i, *i), i);
        seen.push_back(*i);
        values.push_back(static_cast<double>(seen.size()) * (last ? -1 : 1));
      }
      return values;
    };
    const MixedAllocation best =
        ScanRatios(table_, sites_, budget, settings_, ScannedTargets::kBudget, "t.h5", errors);
    EXPECT_GT(seen.size(), 3u);
    EXPECT_LE(seen.size(), 1u + 10 + 20);
    EXPECT_EQ(seen.front(), by_error);
    EXPECT_EQ(best.candidate, last ? seen.back() : seen.front());
  }
  settings_.decoupled = "error";  // one part: nothing to divide
  int calls = 0;
  const auto none = [&](std::span<const Candidate>) { return ++calls, std::vector<double>{0}; };
  ScanRatios(table_, sites_, budget, settings_, ScannedTargets::kBudget, "t.h5", none);
  EXPECT_EQ(calls, 0);
}

// Of what averages below the budget make, all is measured that those of the budget make, and more.
TEST_F(SensitivityTableTest, ScansOfTargetsKnowThoseOfTheBudget) {
  settings_.decoupled = "vidit-q";
  const auto weights_tried = [&](const std::string& budget, ScannedTargets targets) {
    std::vector<std::vector<Candidate>> stages;
    const auto errors = [&](std::span<const Candidate> candidates) {
      stages.emplace_back(candidates.begin(), candidates.end());
      return std::vector<double>(candidates.size(), 1);
    };
    ScanRatios(table_, sites_, Parse(budget), settings_, targets, "t.h5", errors);
    return stages.at(1);  // after the division by error
  };
  size_t more = 0;  // four ranges' weights make few averages
  for (const char* budget : {"w5a8", "w5.2a8", "w6a8", "w6.2a8", "w7a8", "w7.2a8"}) {
    const std::vector<Candidate> at_budget = weights_tried(budget, ScannedTargets::kBudget),
                                 with_below = weights_tried(budget, ScannedTargets::kBelowToo);
    ASSERT_GE(with_below.size(), at_budget.size());
    EXPECT_TRUE(std::equal(at_budget.begin(), at_budget.end(), with_below.begin()));
    more += with_below.size() - at_budget.size();
  }
  EXPECT_GT(more, 0u);
}

// What noise says may be better at 4 bits than at 8 is left at 8 while the budget allows.
TEST_F(SensitivityTableTest, NoiseIsNoReasonToNarrow) {
  for (SensitivityRow& row : table_.rows) {
    for (MeanChange& change : row.changes) change = {-.4, .5};
  }
  const MixedAllocation wide = AllocateMixed(table_, sites_, Parse("w8a8"), settings_, "t.h5");
  EXPECT_DOUBLE_EQ(wide.costs.average_weight_bits, 8);
  EXPECT_DOUBLE_EQ(wide.costs.average_activation_bits, 8);
}

TEST_F(SensitivityTableTest, PartsFollowTheMetricsThatThereAre) {
  const auto parts = PartsOf("vidit-q", table_);
  ASSERT_EQ(parts.size(), 2u);  // cross-attention; feed-forward
  EXPECT_EQ(parts[0].metric, kFeatureError);
  EXPECT_EQ(parts[0].instead_of, "text_similarity_departure");
  EXPECT_EQ(parts[1].groups, std::vector<LayerGroup>{LayerGroup::kFeedForward});
  EXPECT_EQ(parts[1].instead_of, "");
  const auto content = PartsOf("mixdq", table_);
  ASSERT_EQ(content.size(), 1u);
  EXPECT_EQ(content[0].metric, kSquaredError);
  EXPECT_EQ(content[0].instead_of, kSsimError);
  ExpectError([&] { PartsOf("beauty", table_); }, "error, vidit-q or mixdq");
}

// Feed-forward: fc1 and, by its group in SmallNetwork, the attention; sums of the sites' changes.
TEST_F(SensitivityTableTest, InfluenceIsTheShareOfTheSums) {
  const GroupInfluence influence = InfluenceOf(table_, BitWidth::Of(4));
  ASSERT_EQ(influence.groups,
            (std::vector<LayerGroup>{LayerGroup::kCrossAttention, LayerGroup::kFeedForward}));
  EXPECT_DOUBLE_EQ(influence.shares[0][0], (3.0 + 4) / (1 + 2 + 3 + 4 + 5 + 6 + 7));
  EXPECT_DOUBLE_EQ(influence.shares[0][1] + influence.shares[1][1], 1);
}

}  // namespace
}  // namespace tmpq
