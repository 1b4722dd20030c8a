#include "src/search/space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "src/core/error.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

constexpr SpaceMode kModes[] = {SpaceMode::kFree, SpaceMode::kGroupwise, SpaceMode::kConsistent,
                                SpaceMode::kGroupwiseConsistent};

std::vector<BitWidth> Bits(std::initializer_list<int> bits) {
  std::vector<BitWidth> widths;
  for (const int b : bits) widths.push_back(BitWidth::Of(b));
  return widths;
}

SpaceSettings Settings(const SiteTable& table, SpaceMode mode, int steps, int training_steps,
                       const char* budget) {
  SpaceSettings settings;
  settings.mode = mode;
  settings.steps = steps;
  settings.training_steps = training_steps;
  settings.calls_per_step = 2;
  settings.weight_bits = settings.activation_bits = Bits({3, 4, 6, 8});
  settings.budget = Budget::Parse(budget, {&table, steps, training_steps, 2});
  return settings;
}

TEST(SpaceTest, OperatorsStayLegalAndWithinTheBudget) {
  const SiteTable table = SmallNetwork();
  for (const SpaceMode mode : kModes) {
    for (const char* budget : {"4bit", "w4a6", "bitops=0.3x,size=600B"}) {
      for (const bool fill : {false, true}) {
        SpaceSettings settings = Settings(table, mode, 5, 100, budget);
        settings.fill_budget = fill;
        const SearchSpace space(table, settings);
        RandomStream random(5, RandomPurpose::kTest);
        std::vector<Candidate> pool = {space.Initial(), space.NearUniform()};
        for (int i = 0; i < 600; ++i) {
          const Candidate& a = pool[random.Below(pool.size())];
          const Candidate& b = pool[random.Below(pool.size())];
          const uint64_t kind = random.Below(3);
          const Candidate next = kind == 0   ? space.Random(random)
                                 : kind == 1 ? space.Mutate(a, 0.3, random)
                                             : space.Crossover(a, b, random);
          ASSERT_TRUE(space.IsLegal(next)) << NameOf(mode);
          ASSERT_TRUE(space.Fits(next)) << NameOf(mode) << " " << budget;
          pool.push_back(next);
        }
        for (const Candidate& candidate : pool)
          ASSERT_TRUE(space.IsLegal(candidate) && space.Fits(candidate));
      }
    }
  }
}

TEST(SpaceTest, FilledCandidatesCannotBeRaised) {
  const SiteTable table = SmallNetwork();
  const SearchSpace space(table, Settings(table, SpaceMode::kGroupwiseConsistent, 4, 100, "4bit"));
  RandomStream random(6, RandomPurpose::kTest);
  for (int i = 0; i < 50; ++i) {
    const Candidate candidate = space.Random(random);
    const auto& choices = space.settings().weight_bits;
    for (size_t s = 0; s < table.sites.size(); ++s) {
      Policy policy = candidate.policy(0);
      const auto found = std::find(choices.begin(), choices.end(), policy[s]);
      if (table.sites[s].kind == SiteKind::kSoftmax || found + 1 == choices.end()) continue;
      policy[s] = *(found + 1);
      EXPECT_FALSE(space.Fits(Candidate::Uniform(candidate.timesteps(), policy)));
    }
  }
}

TEST(SpaceTest, EnumerationHasTheClosedFormsSize) {
  const SiteTable table = SmallNetwork(false);  // four sites with a choice
  struct Case {
    SpaceMode mode;
    double size;
  };
  // Two steps of six timesteps in uniform groups of three: 3 x 3, or 6 choose 2 without groups; 2^4
  // policies.
  for (const Case& c :
       {Case{SpaceMode::kFree, 15 * 256}, Case{SpaceMode::kGroupwise, 9 * 256},
        Case{SpaceMode::kConsistent, 15 * 16}, Case{SpaceMode::kGroupwiseConsistent, 9 * 16}}) {
    SpaceSettings settings = Settings(table, c.mode, 2, 6, "8bit");
    settings.grouping = Grouping::kUniform;
    settings.weight_bits = settings.activation_bits = Bits({4, 8});
    const SearchSpace space(table, settings);
    EXPECT_NEAR(space.Log10Size(), std::log10(c.size), 1e-9);
    const auto all = space.Enumerate(10'000);
    EXPECT_EQ(static_cast<double>(all.size()), c.size) << NameOf(c.mode);
    std::set<std::string> distinct;
    for (const Candidate& candidate : all) {
      EXPECT_TRUE(space.IsLegal(candidate));
      distinct.insert(candidate.bytes());
    }
    EXPECT_EQ(distinct.size(), all.size());
  }
}

TEST(SpaceTest, InitialIsTmpqDms) {
  const SiteTable table = SmallNetwork();
  SpaceSettings settings = Settings(table, SpaceMode::kGroupwiseConsistent, 10, 1000, "4bit");
  const SearchSpace space(table, settings);
  const Candidate initial = space.Initial();
  EXPECT_EQ(initial.timesteps().values(),
            (std::vector<int>{800, 632, 483, 355, 246, 158, 88, 39, 9, 0}));
  EXPECT_EQ(initial.policy(0), UniformPolicy(table, BitWidth::Of(4), BitWidth::Of(4)));
  EXPECT_EQ(space.Naive().timesteps(), UniformTimesteps(10, 1000));
  EXPECT_EQ(space.NearUniform().timesteps()[0], 999);
}

TEST(SpaceTest, RefusesTheImpossible) {
  const SiteTable table = SmallNetwork();
  EXPECT_THROW(SearchSpace(table, Settings(table, SpaceMode::kGroupwiseConsistent, 5, 100, "2bit")),
               Error);
  EXPECT_THROW(SearchSpace(table, Settings(table, SpaceMode::kGroupwise, 30, 1000, "4bit")), Error);
  EXPECT_NO_THROW(SearchSpace(table, Settings(table, SpaceMode::kFree, 30, 1000, "4bit")));
  EXPECT_THROW(ParseSpaceMode("chaotic"), Error);
}

}  // namespace
}  // namespace tmpq
