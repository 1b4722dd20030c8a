// A table's text from cells that are made already.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/eval/experiment/experiment_outputs.h"

namespace tmpq {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two rows at two seeds, the second of which is claimed to have the lower distance.
class ExperimentTableTest : public testing::Test {
 protected:
  ExperimentTableTest() {
    experiment_.name = "unit", experiment_.rows = {"10-plain", "20-better"};
    for (const std::string& row : experiment_.rows) {
      RowConfig& config = experiment_.configs[row];
      config.label = row.substr(3), config.claim_metric = "fd", config.claim_lower = true;
      for (const uint64_t seed : {0, 1}) {
        experiment_.cells.push_back({row, "model", "w4a4", seed, config, {}, "model"});
      }
    }
    experiment_.configs["20-better"].improves_on = "10-plain";
  }

  // By row, then seed.
  std::string TableOf(const std::string& metric, const std::vector<double>& values) {
    ExperimentResult result;
    for (size_t i = 0; i < values.size(); ++i) {
      result.cells[experiment_.cells[i].name()] = {
          {"metrics", {{metric, {{"value", values[i]}, {"unit", "1"}}}}}};
    }
    return MarkdownOf(experiment_, result);
  }

  Experiment experiment_;
};

TEST_F(ExperimentTableTest, ClaimsAreComparedSeedBySeed) {
  EXPECT_THAT(TableOf("fd", {4, 8, 3, 6}),
              HasSubstr("| better beats plain | fd | model | holds (-1.50) |"));
  EXPECT_THAT(TableOf("fd", {4, 8, 3, 9}), HasSubstr("mixed (+0.00)"));
  EXPECT_THAT(TableOf("fd", {4, 8, 4, 9}), HasSubstr("no (+0.50)")) << "a tie is no win";
  EXPECT_THAT(TableOf("fd", {4, 8}), Not(HasSubstr("beats plain")));
}

// Distances in InceptionV3's or I3D's features have names of their own.
TEST_F(ExperimentTableTest, ClaimsFollowPublishedNames) {
  for (const std::string name : {"fid", "fvd"}) {
    EXPECT_THAT(TableOf(name, {4, 8, 3, 6}),
                HasSubstr("| better beats plain | " + name + " | model | holds (-1.50) |"));
  }
}

}  // namespace
}  // namespace tmpq
