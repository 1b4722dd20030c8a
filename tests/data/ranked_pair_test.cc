// Ranked pairs: what each flaw does to samples, and that the better one is the better one.
#include "src/data/ranked_pair.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace tmpq {
namespace {

double SquaredDistance(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

class RankedPairTest : public testing::TestWithParam<const char*> {
 protected:
  const CaptionedWorld& world() const { return *FindWorld(GetParam()); }
  std::vector<float> Drawn(int64_t index, uint64_t stream) const {
    std::vector<float> sample(world().elements());
    RandomStream random(1, RandomPurpose::kTest, stream);
    world().Draw(world().ValuesOf(index), random, sample);
    return sample;
  }
  std::vector<float> Flawed(Flaw flaw, double strength) const {
    std::vector<float> sample = Drawn(5, 1);
    RandomStream random(1, RandomPurpose::kTest, 3);
    AddFlaw(flaw, strength, world().shape(), Drawn(17, 2), random, sample);
    return sample;
  }
};

TEST_P(RankedPairTest, FlawsGrowWithTheirStrength) {
  const std::vector<float> sample = Drawn(5, 1);
  std::set<std::string> names;
  for (const Flaw flaw : FlawsOf(world().shape())) {
    EXPECT_TRUE(names.insert(NameOf(flaw)).second);
    if (flaw == Flaw::kCaption) continue;
    EXPECT_EQ(Flawed(flaw, 0), sample) << NameOf(flaw);
    double last = 0;
    for (const double strength : {0.2, 0.6, 1.0}) {
      const std::vector<float> worse = Flawed(flaw, strength);
      const double distance = SquaredDistance(sample, worse);
      EXPECT_GT(distance, last) << NameOf(flaw) << " " << strength;
      last = distance;
      for (const float value : worse) ASSERT_LE(std::abs(value), 1) << NameOf(flaw);
    }
  }
  EXPECT_EQ(names.count("still"), world().shape().size() > 3 ? 1u : 0u);
}

// A caption's flaw is one attribute; a clip that stands still has equal frames; the rest of a pair
// shows what the caption asks for as well on the better side as on the worse.
TEST_P(RankedPairTest, TheBetterOneShowsTheCaption) {
  std::map<Flaw, int> seen;
  std::vector<float> better(world().elements()), worse(world().elements());
  const auto attributes = static_cast<double>(world().attributes().size());
  double shown = 0, missing = 0;
  int of_caption = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    RandomStream random(1, RandomPurpose::kTest, 100 + i);
    const RankedPair pair = DrawRankedPair(world(), random, better, worse);
    ++seen[pair.flaw];
    EXPECT_GT(SquaredDistance(better, worse), 0);
    if (pair.flaw != Flaw::kCaption) continue;
    shown += world().Alignment(pair.caption, better);
    missing += attributes * (1 - world().Alignment(pair.caption, worse));
    ++of_caption;
  }
  EXPECT_EQ(seen.size(), FlawsOf(world().shape()).size());
  EXPECT_GT(of_caption, 150);
  EXPECT_GT(shown / of_caption, 0.99);  // all, and all but one, but for what the judge misreads
  EXPECT_NEAR(missing / of_caption, 1, 0.05);
}

TEST_P(RankedPairTest, DependsOnItsStreamAlone) {
  std::vector<float> samples[4];
  for (std::vector<float>& sample : samples) sample.resize(world().elements());
  RandomStream first(1, RandomPurpose::kTest, 7), second(1, RandomPurpose::kTest, 7);
  const RankedPair a = DrawRankedPair(world(), first, samples[0], samples[1]);
  const RankedPair b = DrawRankedPair(world(), second, samples[2], samples[3]);
  EXPECT_EQ(a.caption, b.caption);
  EXPECT_EQ(samples[0], samples[2]);
  EXPECT_EQ(samples[1], samples[3]);
}

INSTANTIATE_TEST_SUITE_P(Worlds, RankedPairTest, testing::Values("scenes", "sprites"));

}  // namespace
}  // namespace tmpq
