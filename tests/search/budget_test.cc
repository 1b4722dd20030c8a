#include "src/search/budget.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "src/core/error.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

class BudgetTest : public testing::Test {
 protected:
  Budget Parse(const std::string& text) const { return Budget::Parse(text, {&table_, 4, 100, 2}); }
  Costs Uniform(int bits) const {
    const auto candidate = Candidate::Uniform(
        UniformTimesteps(4, 100), UniformPolicy(table_, BitWidth::Of(bits), BitWidth::Of(bits)));
    return CostsOf(table_, candidate, 2);
  }
  SiteTable table_ = SmallNetwork();
};

TEST_F(BudgetTest, BitsMeanTheBitOpsOfTheUniformPolicy) {
  for (int bits = 2; bits <= 8; ++bits) {
    const Budget budget = Parse(std::to_string(bits) + "bit");
    EXPECT_EQ(budget.limits().at(kBitOps), Uniform(bits).bitops);
    EXPECT_TRUE(budget.Fits(Uniform(bits)));
    EXPECT_EQ(budget.Fits(Uniform(std::min(bits + 1, 8))), bits == 8);
  }
}

TEST_F(BudgetTest, FormsCombine) {
  const Budget budget = Parse("w4a8,bitops=0.25x,size=2kB");
  EXPECT_EQ(budget.limits(), (std::map<std::string, double>{{kAverageWeightBits, 4},
                                                            {kAverageActivationBits, 8},
                                                            {kBitOps, 0.25 * Uniform(8).bitops},
                                                            {kStoredBytes, 2000}}));
  EXPECT_EQ(Parse("size=1.5MiB").limits().at(kStoredBytes), 1.5 * 1024 * 1024);
  EXPECT_EQ(Parse("w4.5a6").limits().at(kAverageWeightBits), 4.5);
  EXPECT_NE(budget.Excess(Uniform(8)).find("average_weight_bits 8 > 4"), std::string::npos);
}

TEST_F(BudgetTest, RefusesWhatIsNoBudget) {
  for (const char* text : {"",
                           "0bit",
                           "1bit",
                           "9bit",
                           "16bit",
                           "4 bit",
                           "4bits",
                           "-4bit",
                           "bit",
                           "4bit,",
                           ",4bit",
                           "4bit,5bit",
                           "4bit,bitops=0.5x",
                           "bitops=0x",
                           "bitops=0.25",
                           "size=0MB",
                           "size=2",
                           "size=2TB",
                           "w1a8",
                           "w4",
                           "w4a99",
                           "4bit;w4a8",
                           "99999999999999999999bit"}) {
    try {
      Parse(text);
      ADD_FAILURE() << "\"" << text << "\" was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2) << text;
      EXPECT_NE(std::string(error.what()).find("--budget"), std::string::npos) << error.what();
    }
  }
}

TEST_F(BudgetTest, LatencyAndMemoryNeedTimes) {
  for (const char* text : {"latency=15ms", "memory=2MB", "4bit,latency=1s"}) {
    try {
      Parse(text);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      EXPECT_NE(std::string(error.what()).find("tmpq-bench latency"), std::string::npos);
    }
  }
  const BudgetReference timed{&table_, 4, 100, 2, true};
  EXPECT_EQ(Budget::Parse("latency=1.5ms,memory=3kB", timed).limits(),
            (std::map<std::string, double>{{kLatency, 1.5e6}, {kPeakBytes, 3000}}));
  for (const char* text :
       {"latency=0ms", "latency=5", "latency=5min", "latency=0.5x", "memory=3"}) {
    EXPECT_THROW(Budget::Parse(text, timed), Error) << text;
  }
}

}  // namespace
}  // namespace tmpq
