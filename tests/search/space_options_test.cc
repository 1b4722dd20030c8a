// Tied sites, bit-widths of layer groups, fixed timesteps; exact sizes.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "src/core/error.h"
#include "src/search/moves.h"
#include "src/search/space.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

constexpr SpaceMode kModes[] = {SpaceMode::kFree, SpaceMode::kGroupwise, SpaceMode::kConsistent,
                                SpaceMode::kGroupwiseConsistent};
constexpr SiteTies kTies[] = {SiteTies::kNone, SiteTies::kQkv, SiteTies::kLayer, SiteTies::kGroup};

std::vector<BitWidth> Bits(std::initializer_list<int> bits) {
  std::vector<BitWidth> widths;
  for (const int b : bits) widths.push_back(BitWidth::Of(b));
  return widths;
}

// fc1 and fc2 are feed-forward, the attention is spatial.
SiteTable TwoGroups() {
  SiteTable table = SmallNetwork();
  for (QuantSite& site : table.sites) {
    if (site.layer == "attention") site.group = LayerGroup::kSpatialAttention;
  }
  return table;
}

SpaceSettings Settings(SpaceMode mode, SiteTies ties, int steps = 3, int training_steps = 30) {
  SpaceSettings settings;
  settings.mode = mode;
  settings.grouping = Grouping::kUniform;
  settings.steps = steps;
  settings.training_steps = training_steps;
  settings.weight_bits = settings.activation_bits = Bits({3, 4, 8});
  settings.fill_budget = false;
  settings.ties = ties;
  return settings;
}

// What has to be equal under a tie, read off the sites and not off the genes.
bool TiesHold(const SearchSpace& space, const Policy& row) {
  const auto index = [&](size_t s) {
    const auto& choices = space.ChoicesOf(s);
    return std::find(choices.begin(), choices.end(), row[s]) - choices.begin();
  };
  const auto& sites = space.table().sites;
  for (size_t a = 0; a < sites.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (sites[a].kind == SiteKind::kSoftmax || sites[b].kind == SiteKind::kSoftmax) continue;
      const bool weights = sites[a].kind == SiteKind::kWeight,
                 same_side = weights == (sites[b].kind == SiteKind::kWeight),
                 same_layer = sites[a].layer == sites[b].layer;
      bool tied = false;
      if (space.settings().ties == SiteTies::kQkv) tied = same_layer && same_side && !weights;
      if (space.settings().ties == SiteTies::kLayer) tied = same_layer;
      if (space.settings().ties == SiteTies::kGroup)
        tied = same_side && sites[a].group == sites[b].group;
      if (tied && index(a) != index(b)) return false;
    }
  }
  return true;
}

// 10^5 candidates over all modes, ties, budgets, bits of groups, fixed timesteps and float inputs.
TEST(SpaceOptionsTest, EveryOperatorKeepsCandidatesLegal) {
  const SiteTable table = TwoGroups();
  int cases = 0;
  for (const SpaceMode mode : kModes) {
    for (const SiteTies ties : kTies) {
      for (int variant = 0; variant < 16; ++variant) {
        if ((variant & 8) != 0 && ties == SiteTies::kGroup) continue;  // q, k and v have fewer
        SpaceSettings settings = Settings(mode, ties);
        if ((variant & 8) != 0) settings.activation_bits = Bits({4, 8, 32});
        settings.fill_budget = (variant & 1) != 0;
        if ((variant & 1) != 0) settings.budget = Budget::Parse("5bit", {&table, 3, 30, 1});
        if ((variant & 2) != 0)
          settings.group_bits = ParseBitsOfGroups("feed-forward=3,8;spatial-attention=4,6,8");
        if ((variant & 4) != 0) {
          settings.fixed_timesteps = {UniformTimesteps(3, 30), TimestepSequence({20, 6, 0}, 30)};
        }
        const SearchSpace space(table, settings);
        RandomStream random(variant, RandomPurpose::kTest);
        std::vector<Candidate> pool = {space.Initial(), space.NearUniform()};
        for (int i = 0; i < 450; ++i) {
          const Candidate& a = pool[random.Below(pool.size())];
          const Candidate& b = pool[random.Below(pool.size())];
          const uint64_t kind = random.Below(4);
          Candidate next = kind == 0   ? space.Random(random)
                           : kind == 1 ? space.Mutate(a, 0.3, random)
                           : kind == 2 ? space.Crossover(a, b, random)
                                       : Vary(space, pool, random).candidate;
          const auto where = [&] {
            return std::string(NameOf(mode)) + " " + NameOf(ties) + " " + std::to_string(variant);
          };
          ASSERT_TRUE(space.IsLegal(next)) << where();
          ASSERT_TRUE(space.Fits(next)) << where();
          for (const Policy& row : next.policies()) ASSERT_TRUE(TiesHold(space, row)) << where();
          if ((variant & 4) != 0) {
            const auto& fixed = settings.fixed_timesteps;
            ASSERT_TRUE(next.timesteps() == fixed[0] || next.timesteps() == fixed[1]) << where();
          }
          if (pool.size() < 40) {
            pool.push_back(std::move(next));
          } else {
            pool[random.Below(pool.size())] = std::move(next);
          }
          ++cases;
        }
      }
    }
  }
  EXPECT_GE(cases, 100'000);
}

TEST(SpaceOptionsTest, UntiedOrForeignCandidatesAreIllegal) {
  const SiteTable table = TwoGroups();
  for (const SiteTies ties : {SiteTies::kQkv, SiteTies::kLayer, SiteTies::kGroup}) {
    const SearchSpace space(table, Settings(SpaceMode::kConsistent, ties));
    int illegal = 0;
    for (size_t s = 0; s < table.sites.size(); ++s) {
      Candidate candidate = space.NearUniform();
      Policy row = candidate.policy(0);
      row[s] = BitWidth::Of(row[s].bits() == 3 ? 4 : 3);
      candidate = Candidate::Uniform(candidate.timesteps(), row);
      EXPECT_EQ(space.IsLegal(candidate),
                table.sites[s].kind != SiteKind::kSoftmax && TiesHold(space, row));
      illegal += !space.IsLegal(candidate);
    }
    EXPECT_GE(illegal, 3);
  }
  SpaceSettings settings = Settings(SpaceMode::kConsistent, SiteTies::kNone);
  settings.fixed_timesteps = {TimestepSequence({20, 6, 0}, 30)};
  const SearchSpace space(table, settings);
  EXPECT_EQ(space.Initial().timesteps(), settings.fixed_timesteps[0]);
  EXPECT_FALSE(space.IsLegal(space.Naive()));
}

TEST(SpaceOptionsTest, EnumerationHasTheExactSize) {
  const SiteTable table = TwoGroups();
  int spaces = 0;
  for (const SpaceMode mode : kModes) {
    for (const SiteTies ties : kTies) {
      for (const bool fixed : {false, true}) {
        SpaceSettings settings = Settings(mode, ties, 2, 6);
        settings.weight_bits = Bits({8});
        settings.activation_bits = Bits({4, 8});
        if (ties == SiteTies::kLayer) settings.weight_bits = Bits({4, 8});
        if (fixed) settings.fixed_timesteps = {UniformTimesteps(2, 6), TimestepSequence({4, 0}, 6)};
        const SearchSpace space(table, settings);
        const auto all = space.Enumerate(100'000);
        // Closed form, by hand: genes of a row, rows, timesteps.
        const int genes = ties == SiteTies::kNone    ? 5
                          : ties == SiteTies::kQkv   ? 3
                          : ties == SiteTies::kLayer ? 3
                                                     : 2;
        const bool grouped =
            mode == SpaceMode::kGroupwise || mode == SpaceMode::kGroupwiseConsistent;
        const int timesteps = fixed ? 2 : grouped ? 9 : 15;
        const double size = timesteps * std::pow(2, genes * (space.consistent() ? 1 : 2));
        EXPECT_EQ(std::to_string(all.size()), space.ExactSize());
        EXPECT_EQ(static_cast<double>(all.size()), size) << NameOf(mode) << " " << NameOf(ties);
        EXPECT_NEAR(space.Log10Size(), std::log10(size), 1e-9);
        std::set<std::string> distinct;
        for (const Candidate& candidate : all) {
          EXPECT_TRUE(space.IsLegal(candidate));
          distinct.insert(candidate.bytes());
        }
        EXPECT_EQ(distinct.size(), all.size());
        ++spaces;
      }
    }
  }
  EXPECT_EQ(spaces, 32);
}

TEST(SpaceOptionsTest, LargeSizesAreExact) {
  const SiteTable table = TwoGroups();
  SpaceSettings settings = Settings(SpaceMode::kFree, SiteTies::kNone, 20, 1000);
  // 1000 choose 20, times 3^(7 * 20).
  EXPECT_EQ(
      SearchSpace(table, settings).ExactSize(),
      "212712714947352485500268495096298789831209453290053985218726910746858757550290140475209"
      "3789087172504178738700");
  settings.mode = SpaceMode::kConsistent;
  settings.fixed_timesteps = {UniformTimesteps(20, 1000), UniformTimesteps(10, 1000),
                              UniformTimesteps(20, 1000)};
  EXPECT_EQ(SearchSpace(table, settings).ExactSize(), std::to_string(2 * 2187));
  EXPECT_EQ(SearchSpace(table, settings).Enumerate(5000).size(), 2u * 2187);
}

TEST(SpaceOptionsTest, BitsOfGroupsAreParsed) {
  const BitsOfGroups bits =
      ParseBitsOfGroups("feed-forward.weights=8,3;embedding=8;feed-forward.activations=4");
  EXPECT_EQ(bits.at(LayerGroup::kFeedForward).weight_bits, Bits({3, 8}));
  EXPECT_EQ(bits.at(LayerGroup::kFeedForward).activation_bits, Bits({4}));
  EXPECT_EQ(bits.at(LayerGroup::kEmbedding).weight_bits, Bits({8}));
  EXPECT_EQ(
      ParseBitsOfGroups("embedding.activations=8,32").at(LayerGroup::kEmbedding).activation_bits,
      Bits({8, 32}));
  EXPECT_TRUE(ParseBitsOfGroups("").empty());
  for (const char* bad : {"nothing=4", "embedding", "embedding=", "embedding=1", "embedding=4,4",
                          "embedding.biases=4", "embedding=4;embedding.weights=8", "embedding=x",
                          "embedding.weights=8,32", "embedding=8,32"}) {
    EXPECT_THROW(ParseBitsOfGroups(bad), Error) << bad;
  }
  try {
    ParseBitsOfGroups("feedforward=4");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("feed-forward"), std::string::npos) << error.what();
  }
}

// Inputs of layers may be float beside integers; an attention's operands only all together.
TEST(SpaceOptionsTest, FloatActivationsAreInputsOfLayers) {
  const SiteTable table = TwoGroups();
  SpaceSettings settings = Settings(SpaceMode::kConsistent, SiteTies::kNone);
  const auto expect = [&](const std::vector<BitWidth>& inputs, const std::vector<BitWidth>& heads,
                          const std::vector<BitWidth>& softmax) {
    const SearchSpace space(table, settings);
    for (size_t s = 0; s < table.sites.size(); ++s) {
      const SiteKind kind = table.sites[s].kind;
      EXPECT_EQ(space.ChoicesOf(s), kind == SiteKind::kWeight       ? Bits({3, 4, 8})
                                    : kind == SiteKind::kActivation ? inputs
                                    : kind == SiteKind::kSoftmax    ? softmax
                                                                    : heads)
          << table.sites[s].name;
    }
  };
  settings.activation_bits = Bits({8, 32});
  expect(Bits({8, 32}), Bits({8}), Bits({8}));
  settings.activation_bits = Bits({32});
  expect(Bits({32}), Bits({32}), Bits({32}));
  const SearchSpace space(table, settings);
  EXPECT_EQ(space.UniformRow(BitWidth::Of(4), BitWidth::Float()),
            UniformPolicy(table, BitWidth::Of(4), BitWidth::Float()));
}

TEST(SpaceOptionsTest, GroupsChooseAmongWhatIsPacked) {
  SpaceSettings settings = Settings(SpaceMode::kConsistent, SiteTies::kNone);
  settings.group_bits = ParseBitsOfGroups("feed-forward=3,8;embedding.weights=4");
  EXPECT_NO_THROW(CheckGroupBits(settings));
  for (const char* foreign : {"feed-forward=3,5", "embedding.activations=8,32"}) {
    settings.group_bits = ParseBitsOfGroups(foreign);
    EXPECT_THROW(CheckGroupBits(settings), Error) << foreign;
  }
}

TEST(SpaceOptionsTest, WhatCannotBeTiedOrFixedIsRefused) {
  const SiteTable table = TwoGroups();
  SpaceSettings settings = Settings(SpaceMode::kConsistent, SiteTies::kLayer);
  settings.weight_bits = Bits({4, 8});
  EXPECT_THROW(SearchSpace(table, settings), Error);
  settings.ties = SiteTies::kGroup;
  EXPECT_NO_THROW(SearchSpace(table, settings));
  settings.fixed_timesteps = {UniformTimesteps(3, 30), UniformTimesteps(2, 30)};
  EXPECT_NO_THROW(SearchSpace(table, settings));
  settings.mode = SpaceMode::kFree;
  EXPECT_THROW(SearchSpace(table, settings), Error);
  EXPECT_THROW(ParseSiteTies("all"), Error);
  EXPECT_EQ(ParseSiteTies("qkv"), SiteTies::kQkv);
}

}  // namespace
}  // namespace tmpq
