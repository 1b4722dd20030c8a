#include "src/quant/learned_rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "src/core/error.h"
#include "src/core/file.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// One layer of 1 x 3 weights at 3 bits.
class LearnedRoundingTest : public testing::Test {
 protected:
  LearnedRoundingTest()
      : recipe_(FindRecipe("q-diffusion")),
        grid_(FindWeightScales("l", weights_, 1, 3, BitWidth::Of(3), {})),
        learned_(HashString("m"), recipe_, {{"seed", 1}}) {
    path_ = TestPath();
    learned_.SetWeights("l", 0, weights_, grid_, std::vector<uint8_t>{1, 0, 1});
    learned_.SetSteps("l", 8, {2, 1, {0.5f, 0.25f}, {3, -3}});
  }

  LearnedRounding Load() const { return LearnedRounding::Load(path_, HashString("m"), recipe_); }

  QuantRecipe recipe_;
  std::vector<float> weights_ = {-3.0f, 1.4f, 2.9f};  // scale 1: -3, 1 or 2, 2 or 3
  QuantizedWeights grid_;
  LearnedRounding learned_;
  std::filesystem::path path_;
};

TEST_F(LearnedRoundingTest, RoundsEachWeightItsWay) {
  EXPECT_TRUE(learned_.Round("l", 0, weights_, grid_));
  EXPECT_THAT(grid_.q, ElementsAre(-2, 1, 3));
  grid_.bits = 4;
  EXPECT_FALSE(learned_.Round("l", 0, weights_, grid_));
}

// The integer above the range's end is the end.
TEST_F(LearnedRoundingTest, StaysInTheRange) {
  EXPECT_EQ(RoundOneWay(grid_, 0, 0, 3.0f, true), 3);
  EXPECT_EQ(RoundOneWay(grid_, 0, 0, -3.5f, false), -3);
  grid_.offset = {2};  // values 2 - 4 .. 2 + 3
  EXPECT_EQ(RoundOneWay(grid_, 0, 0, 5.5f, true), 3);
  EXPECT_EQ(RoundOneWay(grid_, 0, 0, -7.0f, false), -4);
  EXPECT_EQ(RoundOneWay(grid_, 0, 0, 0.5f, true), -1);
}

TEST_F(LearnedRoundingTest, FileHoldsWhatWasLearned) {
  learned_.report().push_back({{"unit", "l"}});
  learned_.Save(path_);
  const LearnedRounding found = Load();
  EXPECT_TRUE(found.Round("l", 0, weights_, grid_));
  EXPECT_THAT(grid_.q, ElementsAre(-2, 1, 3));
  ASSERT_NE(found.Steps("l", 8), nullptr);
  EXPECT_THAT(found.Steps("l", 8)->scale, ElementsAre(0.5f, 0.25f));
  EXPECT_THAT(found.Steps("l", 8)->offset, ElementsAre(3, -3));
  EXPECT_EQ(found.Steps("l", 4), nullptr);
  EXPECT_EQ(found.report(), learned_.report());
  EXPECT_EQ(found.settings(), learned_.settings());
}

TEST_F(LearnedRoundingTest, RefusesOtherModelsRecipesAndWeights) {
  learned_.Save(path_);
  EXPECT_THAT(ErrorOf([&] { LearnedRounding::Load(path_, HashString("n"), recipe_); }),
              HasSubstr("another model"));
  QuantRecipe other = recipe_;
  other.calibration_samples += 1;
  EXPECT_THAT(ErrorOf([&] { LearnedRounding::Load(path_, HashString("m"), other); }),
              HasSubstr("another recipe"));
  const LearnedRounding found = Load();
  weights_[1] = 1.5f;
  EXPECT_THAT(ErrorOf([&] { found.Round("l", 0, weights_, grid_); }),
              HasSubstr("learned for other weights"));
}

TEST_F(LearnedRoundingTest, RefusesDamagedFiles) {
  learned_.Save(path_);
  std::string bytes = ReadFile(path_);
  bytes[bytes.size() - 1] = static_cast<char>(bytes.back() ^ 1);
  std::ofstream(path_, std::ios::binary) << bytes;
  EXPECT_THAT(ErrorOf([&] { Load(); }), HasSubstr("checksum"));
  learned_.SetSteps("l", 8, {1, 1, {-1.0f}, {}});
  learned_.Save(path_);
  EXPECT_THAT(ErrorOf([&] { Load(); }), HasSubstr("no size"));
}

}  // namespace
}  // namespace tmpq
