// Replays of algorithms on a made-up truth.
#include "src/eval/study/algorithm_replay.h"

#include <gtest/gtest.h>

#include <cmath>

#include "src/core/error.h"
#include "src/eval/study/algorithm_outputs.h"

namespace tmpq {
namespace {

class AlgorithmReplayTest : public testing::Test {
 protected:
  AlgorithmReplayTest() {
    for (const char* layer : {"a", "b", "c"}) {
      const int site = static_cast<int>(table_.sites.size());
      const std::string name = layer;
      table_.sites.push_back(
          {name + ".weight", name, SiteKind::kWeight, LayerGroup::kFeedForward, 64, 8, 8});
      table_.sites.push_back(
          {name + ".activation", name, SiteKind::kActivation, LayerGroup::kFeedForward, 40, 8, 0});
      table_.products.push_back({site, site + 1, 320 + 100 * site});
    }
    SpaceSettings settings;
    settings.mode = SpaceMode::kConsistent;
    settings.steps = 1, settings.training_steps = 1;
    settings.weight_bits =
        settings.activation_bits = {BitWidth::Of(3), BitWidth::Of(4), BitWidth::Of(8)};
    settings.fill_budget = false;
    space_ = std::make_unique<SearchSpace>(table_, settings);
    candidates_ = space_->Enumerate(1000);
    for (const Candidate& candidate : candidates_) {
      double error = 1e-3;
      for (size_t s = 0; s < candidate.policy(0).size(); ++s) {
        error += static_cast<double>(1 + s) * std::exp2(-2 * candidate.policy(0)[s].bits());
      }
      errors_.push_back(error);
      costs_.push_back(space_->CostsOf(candidate).bitops);
    }
    truth_ = std::make_unique<ExhaustiveTruth>("error", candidates_, errors_, costs_);
    settings_.measurement = "error", settings_.costs = {kBitOps};
  }
  AlgorithmRun Run(const std::string& name, uint64_t seed = 0) const {
    const bool whole = name == "exhaustive" || name == "random";
    return Replay(name, *space_, settings_, *truth_, seed, 100,
                  whole ? static_cast<int64_t>(truth_->size()) : 150);
  }

  SiteTable table_;
  std::unique_ptr<SearchSpace> space_;
  std::vector<Candidate> candidates_;
  std::vector<double> errors_, costs_;
  std::unique_ptr<ExhaustiveTruth> truth_;
  AlgorithmSettings settings_;
};

TEST_F(AlgorithmReplayTest, TheTruthsFrontIsWhatNothingDominates) {
  const auto& front = truth_->front();
  ASSERT_GT(front.size(), 5u);
  for (size_t i = 0; i < truth_->size(); ++i) {
    bool dominated = false;
    for (size_t j = 0; j < truth_->size(); ++j) {
      dominated = dominated || (errors_[j] <= errors_[i] && costs_[j] <= costs_[i] &&
                                (errors_[j] < errors_[i] || costs_[j] < costs_[i]));
    }
    EXPECT_EQ(std::find(front.begin(), front.end(), i) != front.end(), !dominated);
  }
  for (const bool logarithmic : {false, true}) {
    EXPECT_EQ(truth_->Scaled(front.front(), logarithmic), (Objectives{1, 0}));
    EXPECT_EQ(truth_->Scaled(front.back(), logarithmic), (Objectives{0, 1}));
  }
}

TEST_F(AlgorithmReplayTest, SharesRiseToOneAndTheEngineIsBeforeRandom) {
  const AlgorithmRun exhaustive = Run("exhaustive");
  EXPECT_EQ(exhaustive.share.size(), 729u);
  EXPECT_NEAR(exhaustive.share.back(), 1, 1e-12);
  EXPECT_NEAR(exhaustive.log_share.back(), 1, 1e-12);
  for (const std::string& name : AlgorithmNames()) {
    const AlgorithmRun run = Run(name, 3);
    EXPECT_TRUE(std::is_sorted(run.share.begin(), run.share.end())) << name;
    EXPECT_TRUE(std::is_sorted(run.log_share.begin(), run.log_share.end())) << name;
    if (name != "guided" && name != "tmpq-dm") continue;
    EXPECT_EQ(run.share, Run(name, 3).share) << name;
  }
  const AlgorithmRun guided = Run("guided"), random = Run("random");
  EXPECT_GT(ShareAfter(guided.log_share, 50), 0.99);
  const int64_t needed = EvaluationsFor(random.log_share, kFound);
  EXPECT_TRUE(needed == 0 || needed > 2 * EvaluationsFor(guided.log_share, kFound)) << needed;
  const int64_t evaluated = 729 - guided.model_spearman.n;  // at the end of the batch that has 5 %
  EXPECT_TRUE(evaluated >= 36 && evaluated < 36 + 24) << evaluated;
  EXPECT_GT(guided.tables_spearman.value, 0.99);
  EXPECT_EQ(random.model_spearman.n, 0);
}

TEST_F(AlgorithmReplayTest, SharesAreReadOffCurves) {
  const std::vector<double> shares = {0.2, 0.5, 0.995, 1};
  EXPECT_EQ(ShareAfter(shares, 0), 0);
  EXPECT_EQ(ShareAfter(shares, 2), 0.5);
  EXPECT_EQ(ShareAfter(shares, 9), 1);
  EXPECT_EQ(EvaluationsFor(shares, kFound), 3);
  EXPECT_EQ(EvaluationsFor({0.5}, kFound), 0);
}

TEST_F(AlgorithmReplayTest, ErrorsThatAreNoneAreRefused) {
  errors_[3] = 0;
  EXPECT_THROW(ExhaustiveTruth("error", candidates_, errors_, costs_), Error);
}

TEST_F(AlgorithmReplayTest, TablesHaveARowAnAlgorithmAndCurvesEnd) {
  AlgorithmStudy study;
  study.config.algorithms = "guided,uniform";
  study.config.seeds = 2;
  study.model = "made-up", study.candidates = static_cast<int64_t>(truth_->size());
  for (const char* name : {"guided", "uniform"}) {
    for (const uint64_t seed : {0, 1}) study.runs.push_back(Run(name, seed));
  }
  const std::string table = AlgorithmTable(study), csv = AlgorithmCsv(study);
  EXPECT_NE(table.find("| guided | "), std::string::npos) << table;
  EXPECT_NE(table.find("never"), std::string::npos) << table;
  EXPECT_NE(table.find("Spearman"), std::string::npos) << table;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * 4);
  const Json json = AlgorithmStudyToJson(study);
  EXPECT_EQ(json["algorithms"][0]["name"], "guided");
  EXPECT_EQ(json["algorithms"][0]["spearman_of_predictions"].size(), 2u);
  EXPECT_TRUE(json["algorithms"][1]["error"]["evaluations_to_found"]["median"].is_null());
  EXPECT_EQ(json["algorithms"][0]["error"]["curve"]["evaluations"].back(), 729);
}

TEST(AlgorithmStudyTest, SchedulesAreSpacedByTheirExponent) {
  EXPECT_EQ(PowerTimesteps(10, 1000, 100), UniformTimesteps(10, 1000));
  EXPECT_EQ(PowerTimesteps(10, 1000, 200).values(),
            (std::vector<int>{999, 809, 639, 489, 359, 249, 159, 89, 39, 9}));
  EXPECT_EQ(PowerTimesteps(4, 4, 400).values(), (std::vector<int>{3, 2, 1, 0}));
}

TEST(AlgorithmStudyTest, ConfigsAreChecked) {
  const auto refused = [](auto change) {
    AlgorithmStudyConfig config;
    change(config);
    EXPECT_THROW(config.Validate(), Error);
  };
  refused([](auto& config) { config.algorithms = "guided,annealing"; });
  refused([](auto& config) { config.algorithms = ""; });
  refused([](auto& config) { config.seeds = 0; });
  refused([](auto& config) { config.truth.ties = "all"; });
  refused([](auto& config) { config.truth.exponents = {}; });
  refused([](auto& config) { config.truth.exponents = {1}; });
  refused([](auto& config) { config.truth.group_bits = "embedding=1"; });
  AlgorithmStudyConfig config;
  EXPECT_NO_THROW(config.Validate());
}

}  // namespace
}  // namespace tmpq
