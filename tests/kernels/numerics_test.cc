// The float functions against double precision, and Philox against the published known answers.
#include "kernels/include/numerics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/include/philox.h"

namespace tmpq::kernels {
namespace {

// Largest error in units of the last place of the exact result over `count` points of [low, high].
template <typename F, typename G>
double MaxUlp(float low, float high, int count, F function, G exact) {
  double worst = 0;
  for (int i = 0; i <= count; ++i) {
    const float x = low + (high - low) * (static_cast<float>(i) / static_cast<float>(count));
    const double expected = exact(static_cast<double>(x));
    const float nearest = static_cast<float>(expected);
    const double ulp = std::nextafter(std::fabs(nearest), std::numeric_limits<float>::infinity()) -
                       std::fabs(nearest);
    worst = std::max(worst, std::fabs(function(x) - expected) / ulp);
  }
  return worst;
}

TEST(NumericsTest, FunctionsAreAccurate) {
  const auto exp = [](double x) { return std::exp(x); };
  EXPECT_LT(MaxUlp(-80, 80, 400000, ExpF, exp), 2);
  EXPECT_LT(MaxUlp(1e-6f, 100, 400000, LogF, [](double x) { return std::log(x); }), 2);
  EXPECT_LT(MaxUlp(-80, 80, 400000, BoundedExp<float>, exp), 2);
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_LT(MaxUlp(-80, 80, 400000, SiluF, [&](double x) { return x * sigmoid(x); }), 4);
  // Their arguments of the exponential are rounded, which large ones multiply.
  EXPECT_LT(MaxUlp(-6, 6, 400000, QuickGeluF, [&](double x) { return x * sigmoid(1.702 * x); }),
            16);
  const auto gelu = [&](double x) {
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  };
  EXPECT_LT(MaxUlp(-2, 8, 400000, GeluTanhF, gelu), 16);
  double worst = 0;
  for (int i = 0; i < 200000; ++i) {
    const float x = static_cast<float>(i) * 0.05f;
    worst = std::max({worst, std::fabs(SinF(x) - std::sin(static_cast<double>(x))),
                      std::fabs(CosF(x) - std::cos(static_cast<double>(x)))});
  }
  EXPECT_LT(worst, 2e-7);
  worst = 0;
  for (int i = -100000; i <= 100000; ++i) {
    const float x = static_cast<float>(i) * 6e-5f;
    worst = std::max(worst, std::fabs(ErfF(x) - std::erf(static_cast<double>(x))));
  }
  EXPECT_LT(worst, 2e-7);
}

TEST(NumericsTest, ExpAtTheEndsOfItsRange) {
  EXPECT_EQ(ExpF(0), 1.0f);
  EXPECT_EQ(ExpF(-1000), 0.0f);
  EXPECT_TRUE(std::isinf(ExpF(100)));
  EXPECT_TRUE(std::isnan(ExpF(NAN)));
  EXPECT_GT(ExpF(-100), 0.0f);  // subnormal: nothing is flushed
}

TEST(NumericsTest, ActivationsFarFromZero) {
  for (const auto& function : {SiluF, QuickGeluF, GeluTanhF}) {
    EXPECT_EQ(function(0), 0.0f);
    EXPECT_EQ(function(1e4f), 1e4f);
    EXPECT_NEAR(function(-1e4f), 0, 1e-30);
    EXPECT_TRUE(std::isnan(function(NAN)));
  }
}

TEST(NumericsTest, RoundingAndClamping) {
  EXPECT_EQ(RoundHalfEven(0.5f), 0);
  EXPECT_EQ(RoundHalfEven(1.5f), 2);
  EXPECT_EQ(RoundHalfEven(-2.5f), -2);
  EXPECT_EQ(QMax(2), 1);
  EXPECT_EQ(QMax(8), 127);
  EXPECT_EQ(QuantizeValue(1e9f, 1.0f, 7), 7);
  EXPECT_EQ(QuantizeValue(-1e9f, 1.0f, 7), -7);
  EXPECT_EQ(QuantizeValue(NAN, 1.0f, 7), -7);
  EXPECT_EQ(QuantizeValue(INFINITY, 1.0f, 7), 7);
}

TEST(NumericsTest, ScalesOfDegenerateRows) {
  EXPECT_EQ(ScaleOf(0.0f, 7).scale, 0.0f);
  EXPECT_EQ(ScaleOf(0.0f, 7).inverse, 0.0f);
  EXPECT_EQ(ScaleOf(1e-40f, 127).inverse, 0.0f);  // an inverse beyond the floats counts as zero
  EXPECT_EQ(ScaleOf(14.0f, 7).scale, 2.0f);
}

// Known answers of the Random123 distribution (kat_vectors: philox4x32 10).
TEST(PhiloxTest, KnownAnswers) {
  const uint32_t counters[3][4] = {{0, 0, 0, 0},
                                   {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                                   {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}};
  const uint32_t keys[3][2] = {{0, 0}, {0xffffffff, 0xffffffff}, {0xa4093822, 0x299f31d0}};
  const uint32_t answers[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                                  {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                                  {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; ++i) {
    uint32_t out[4];
    Philox4x32(counters[i], keys[i], out);
    for (int j = 0; j < 4; ++j) EXPECT_EQ(out[j], answers[i][j]);
  }
}

TEST(PhiloxTest, NormalNumbersHaveTheRightMoments) {
  double moments[5] = {};
  const int blocks = 250000;
  for (int block = 0; block < blocks; ++block) {
    float four[4];
    PhiloxNormal4(3, 99, 5, static_cast<uint32_t>(block), four);
    for (const float x : four) {
      for (int p = 1; p <= 4; ++p) moments[p] += std::pow(static_cast<double>(x), p);
    }
  }
  const double n = 4.0 * blocks;
  EXPECT_NEAR(moments[1] / n, 0, 0.005);
  EXPECT_NEAR(moments[2] / n, 1, 0.01);
  EXPECT_NEAR(moments[3] / n, 0, 0.02);
  EXPECT_NEAR(moments[4] / n, 3, 0.05);
}

}  // namespace
}  // namespace tmpq::kernels
