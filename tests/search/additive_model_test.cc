#include "src/search/additive_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "src/search/allocation/front.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

class AdditiveModelTest : public testing::Test {
 protected:
  AdditiveModelTest() {
    settings_.mode = SpaceMode::kConsistent;
    settings_.steps = 3, settings_.training_steps = 20;
    for (const int bits : {3, 4, 8}) {
      settings_.weight_bits.push_back(BitWidth::Of(bits));
      settings_.activation_bits.push_back(BitWidth::Of(bits));
    }
    settings_.fill_budget = false;
  }
  static double Damage(const Policy& row, size_t site) {
    return row[site].bits() == 8 ? 0
                                 : static_cast<double>(1 + site) * std::exp2(-2 * row[site].bits());
  }
  static double SumOf(const Candidate& candidate) {
    double sum = 0.05;
    for (size_t s = 0; s < candidate.policy(0).size(); ++s) sum += Damage(candidate.policy(0), s);
    return sum;
  }
  AdditiveModel ModelOf(const SearchSpace& space) const {
    const SensitivityProbes probes = MakeProbes(space);
    std::vector<Measurements> answers;
    for (const Candidate& candidate : probes.candidates)
      answers.push_back({{"error", SumOf(candidate)}});
    return AdditiveModel(
        space, {probes.base.timesteps(), 0.05, SensitivitiesOf(probes, answers, "error")});
  }
  static std::vector<Candidate> RandomCandidates(const SearchSpace& space, int count,
                                                 uint64_t stream) {
    RandomStream random(3, RandomPurpose::kTest, stream);
    std::vector<Candidate> candidates;
    for (int i = 0; i < count; ++i) candidates.push_back(space.Random(random));
    return candidates;
  }
  // Root mean square of log(predicted / true).
  template <typename Truth>
  static double Deviation(const AdditiveModel& model, const std::vector<Candidate>& candidates,
                          Truth truth) {
    double sum = 0;
    for (const Candidate& candidate : candidates) {
      const double difference = std::log(model.Predict(candidate).error / truth(candidate));
      sum += difference * difference;
    }
    return std::sqrt(sum / static_cast<double>(candidates.size()));
  }

  SiteTable table_ = SmallNetwork();
  SpaceSettings settings_;
};

TEST_F(AdditiveModelTest, TablesAreExactWhereErrorsAdd) {
  settings_.fixed_timesteps = {UniformTimesteps(3, 20)};
  for (const SiteTies ties :
       {SiteTies::kNone, SiteTies::kQkv, SiteTies::kLayer, SiteTies::kGroup}) {
    settings_.ties = ties;
    const SearchSpace space(table_, settings_);
    const AdditiveModel model = ModelOf(space);
    for (const Candidate& candidate : RandomCandidates(space, 50, 0)) {
      EXPECT_NEAR(model.Predict(candidate).error, SumOf(candidate), 1e-12);
    }
  }
}

TEST_F(AdditiveModelTest, CalibrationLearnsScalesAndInteractions) {
  settings_.fixed_timesteps = {UniformTimesteps(3, 20)};
  const SearchSpace space(table_, settings_);
  // Weights hurt half as much together as alone, and two sites hurt each other.
  const auto truth = [](const Candidate& candidate) {
    const Policy& row = candidate.policy(0);
    double error = 0.05 + std::sqrt(Damage(row, 5) * Damage(row, 6));
    for (size_t s = 0; s < row.size(); ++s)
      error += (s == 0 || s == 2 ? 0.5 : 1.2) * Damage(row, s);
    return error;
  };
  AdditiveModel model = ModelOf(space);
  const auto fresh = RandomCandidates(space, 200, 1);
  const double before = Deviation(model, fresh, truth);
  const auto measured = RandomCandidates(space, 60, 2);
  std::vector<double> errors;
  for (const Candidate& candidate : measured) errors.push_back(truth(candidate));
  model.Calibrate(measured, errors);
  const double after = Deviation(model, fresh, truth);
  std::printf("deviation %.3f by tables, %.3f calibrated, %.3f claimed, %s, penalty %g\n", before,
              after, model.fit().deviation, model.fit().logarithmic ? "logarithmic" : "linear",
              model.fit().penalty);
  EXPECT_LT(after, 0.35 * before);
  EXPECT_LT(after, 2 * model.fit().deviation);
  EXPECT_EQ(model.fit().candidates, 60u);
  // Damaged answers are left out.
  std::vector<double> damaged = errors;
  std::vector<Candidate> more = measured;
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), 0.0}) {
    damaged.push_back(bad), more.push_back(fresh[0]);
  }
  AdditiveModel other = ModelOf(space);
  other.Calibrate(more, damaged);
  EXPECT_EQ(other.Predict(fresh[1]).error, model.Predict(fresh[1]).error);
}

TEST_F(AdditiveModelTest, TimestepsHaveTheirOwnPart) {
  const SearchSpace space(table_, settings_);
  AdditiveTables tables;
  tables.reference = UniformTimesteps(3, 20);
  tables.base = 0.05;
  JumpErrors& jumps = tables.jumps.emplace();
  jumps.timesteps = {19, 12, 5};
  jumps.start = {0.01, 0.02, 0.03};
  jumps.jump.assign(3 * 4, 0.02);
  tables.base_of_timesteps[{18, 10, 2}] = 0.2;
  const AdditiveModel model(space, tables);
  const auto error_of = [&](std::vector<int> timesteps) {
    return model.TimestepError(TimestepSequence(std::move(timesteps), 20));
  };
  EXPECT_DOUBLE_EQ(error_of({19, 12, 5}), 0.05);                  // those nearest to the reference
  EXPECT_DOUBLE_EQ(error_of({18, 10, 2}), 0.2);                   // measured
  EXPECT_NEAR(error_of({13, 11, 4}), 0.05 + 0.01 - 0.02, 1e-12);  // begins later, one jump less
}

TEST_F(AdditiveModelTest, FrontsHoldTheBestOfEveryLevel) {
  settings_.fixed_timesteps = {UniformTimesteps(3, 20)};
  settings_.ties = SiteTies::kQkv;
  const SearchSpace space(table_, settings_);
  const AdditiveModel model = ModelOf(space);
  const std::vector<std::string> costs = {kBitOps};
  const auto front =
      AllocationFront(space, settings_.fixed_timesteps[0], costs, model.tables().damages, 30);
  EXPECT_GT(front.size(), 15u);
  const auto all = space.Enumerate(10'000);
  for (const Candidate& point : front) {
    EXPECT_TRUE(space.IsLegal(point));
    for (const Candidate& other : all) {
      const bool cheaper = space.CostsOf(other).bitops <= space.CostsOf(point).bitops;
      EXPECT_TRUE(!cheaper || SumOf(other) >= SumOf(point) - 1e-12);
    }
  }
  const std::vector<std::string> both = {kBitOps, kStoredBytes};
  EXPECT_GT(
      AllocationFront(space, settings_.fixed_timesteps[0], both, model.tables().damages, 30).size(),
      5u);
}

}  // namespace
}  // namespace tmpq
