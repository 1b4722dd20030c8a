#include "src/eval/proxies/losses.h"

#include <gtest/gtest.h>

#include <set>

#include "src/eval/proxies/measurement_names.h"
#include "src/plan/costs.h"
#include "tests/eval/expect_error.h"

namespace tmpq {
namespace {

TEST(LossesTest, ObjectivesAreMeasurementsAndCostsInOrder) {
  EXPECT_EQ(ParseObjectives("minimize", "error"), std::vector<std::string>{kTrajectoryError});
  const auto objectives = ParseObjectives("minimize", "text_alignment, bitops,distance,bytes");
  EXPECT_EQ(objectives,
            (std::vector<std::string>{kTextAlignmentLoss, kBitOps, kDistance, kStoredBytes}));
  EXPECT_EQ(CostsAmong(objectives), (std::vector<std::string>{kBitOps, kStoredBytes}));
  EXPECT_EQ(MeasurementsAmong(objectives),
            (std::vector<std::string>{kTextAlignmentLoss, kDistance}));
}

TEST(LossesTest, WhatIsNoObjectiveIsRefused) {
  ExpectError([] { ParseObjectives("minimize", "speed"); }, "one of error");
  ExpectError([] { ParseObjectives("minimize", "error,speed"); }, "latency_ns");
  ExpectError([] { ParseObjectives("minimize", "error,error"); }, "twice");
  ExpectError([] { ParseObjectives("minimize", ""); }, "begin with a loss");
  ExpectError([] { ParseObjectives("minimize", "bitops,error"); }, "begin with a loss");
  ExpectError([] { LossKindOf("select_by", "bitops"); }, "one of error");
}

TEST(LossesTest, EveryKindHasItsOwnNames) {
  std::set<std::string> names, measurements;
  for (const LossKind& kind : LossKinds()) {
    EXPECT_EQ(FindLossKind(kind.name), &kind);
    EXPECT_EQ(FindCostKind(kind.measurement), nullptr) << "a cost of the same name";
    names.insert(kind.name), measurements.insert(kind.measurement);
  }
  EXPECT_EQ(names.size(), LossKinds().size());
  EXPECT_EQ(measurements.size(), LossKinds().size());
}

TEST(LossesTest, AlignmentIsNeverWithoutLoss) {
  const std::vector<double> none(9, 0.0), some = {0.5, 0.25, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(MeanLoss(kTrajectoryError, none), 0);
  EXPECT_DOUBLE_EQ(MeanLoss(kTrajectoryError, some), 0.75 / 9);
  EXPECT_DOUBLE_EQ(MeanLoss(kTextAlignmentLoss, none), 0.05);
  EXPECT_DOUBLE_EQ(MeanLoss(kTextAlignmentLoss, some), 0.125);
}

}  // namespace
}  // namespace tmpq
