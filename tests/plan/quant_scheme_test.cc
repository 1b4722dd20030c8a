#include "src/plan/quant_scheme.h"

#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/plan/costs.h"

namespace tmpq {
namespace {

// A linear of 10 inputs and 3 outputs over 5 tokens; a 3 x 3 convolution of 4 channels and 20
// outputs over 6 pixels.
SiteTable SmallTable() {
  SiteTable table;
  const auto add = [&](const char* layer, SiteKind kind, int64_t elements, int64_t inputs,
                       int64_t outputs) {
    table.sites.push_back({std::string(layer) + "." + NameOf(kind), layer, kind,
                           LayerGroup::kFeedForward, elements, inputs, outputs});
  };
  add("fc", SiteKind::kWeight, 30, 10, 3);
  add("fc", SiteKind::kActivation, 50, 10, 0);
  add("conv", SiteKind::kWeight, 720, 36, 20);
  add("conv", SiteKind::kActivation, 24, 4, 0);
  table.products = {{0, 1, 5 * 30}, {2, 3, 6 * 720}};
  return table;
}

Costs CostsAt(const SiteTable& table, const std::vector<int>& timesteps,
              const std::vector<int>& bits) {
  std::vector<Policy> policies;
  for (const int b : bits) {
    policies.push_back(UniformPolicy(table, BitWidth::Of(b), BitWidth::Of(b > 8 ? b : 8)));
  }
  return CostsOf(table, Candidate::Make(TimestepSequence(timesteps, 100), policies), 1);
}

// Panels: 16 x 12 weights of fc, 32 x 36 of conv.
int64_t FcPanels(int bits) { return 16 * 12 * bits / 8; }
int64_t ConvPanels(int bits) { return 32 * 36 * bits / 8; }

TEST(QuantSchemeTest, JsonRoundTrips) {
  QuantScheme scheme;
  EXPECT_EQ(SchemeFromJson(SchemeToJson(scheme), "test"), scheme);
  scheme.range_begins = {0, 25, 50};
  scheme.balanced_by_range = scheme.split_guidance = scheme.nested = true;
  scheme.activation_storage = ActivationStorage::kBfloat16;
  LayerScheme layer;
  layer.weight_symmetric = layer.activation_symmetric = false;
  layer.weight_group = 64, layer.low_rank = 32;
  layer.activation_scales = ActivationScales::kStaticToken;
  layer.balanced = layer.rotated = layer.first_row = true;
  scheme.layers = {{"blocks.0.fc1", layer}, {"plain", {}}};
  scheme.layers["conv"].activation_scales = ActivationScales::kStaticTensor;
  EXPECT_EQ(SchemeFromJson(SchemeToJson(scheme), "test"), scheme);
}

TEST(QuantSchemeTest, WrongJsonNamesThePlace) {
  QuantScheme scheme;
  scheme.layers["fc"].weight_group = 64;
  const Json right = SchemeToJson(scheme);
  const auto refused = [&](const char* pointer, const Json& value) {
    Json wrong = right;
    wrong[Json::json_pointer(pointer)] = value;
    try {
      SchemeFromJson(wrong, "some.file");
      ADD_FAILURE() << pointer << " = " << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput) << pointer;
      EXPECT_NE(std::string(error.what()).find("some.file"), std::string::npos) << error.what();
    }
  };
  refused("/range_begins", Json::array());
  refused("/range_begins", {1, 2});
  refused("/range_begins", {0, 20, 20});
  refused("/range_begins", "0");
  refused("/nested", 3);
  refused("/activation_storage", "float8");
  refused("/layers/fc/weight_group", 6);
  refused("/layers/fc/weight_group", -4);
  refused("/layers/fc/low_rank", -1);
  refused("/layers/fc/activation_scales", "channel");
}

TEST(QuantSchemeTest, TimestepsLieInRanges) {
  QuantScheme scheme;
  EXPECT_EQ(scheme.RangeOf(99), 0);
  scheme.range_begins = {0, 30, 60};
  EXPECT_EQ(scheme.RangeOf(0), 0);
  EXPECT_EQ(scheme.RangeOf(29), 0);
  EXPECT_EQ(scheme.RangeOf(30), 1);
  EXPECT_EQ(scheme.RangeOf(99), 2);
  EXPECT_EQ(scheme.weight_sets(), 1);
}

TEST(WithSchemeTest, TheDefaultChangesNothing) {
  const SiteTable table = SmallTable();
  EXPECT_EQ(CostsAt(table, {9, 5}, {4, 8}).bytes,
            CostsAt(WithScheme(table, {}), {9, 5}, {4, 8}).bytes);
  EXPECT_EQ(CostsAt(table, {9}, {4}).bytes, FcPanels(4) + ConvPanels(4) + 4 * 23);
}

TEST(WithSchemeTest, ScalesZeroPointsAndSumsCount) {
  QuantScheme scheme;
  scheme.layers["fc"].weight_group = 4;  // 3 groups of 10 inputs
  scheme.layers["fc"].weight_symmetric = false;
  scheme.layers["fc"].activation_symmetric = scheme.layers["conv"].activation_symmetric = false;
  const SiteTable table = WithScheme(SmallTable(), scheme);
  EXPECT_EQ(CostsAt(table, {9}, {4}).bytes,
            FcPanels(4) + (4 + 2 + 2) * 3 * 3 + ConvPanels(4) + 4 * 2 * 20);
  // Each bit-width has its own.
  EXPECT_EQ(CostsAt(table, {9, 5}, {4, 6}).bytes,
            FcPanels(4) + FcPanels(6) + 2 * 72 + ConvPanels(4) + ConvPanels(6) + 2 * 160);
}

TEST(WithSchemeTest, TransformsBranchesAndFirstRowsCountOnce) {
  QuantScheme scheme;
  scheme.layers["fc"].balanced = true;
  scheme.layers["fc"].low_rank = 2;
  scheme.layers["fc"].first_row = true;
  scheme.layers["conv"].rotated = true;
  const SiteTable table = WithScheme(SmallTable(), scheme);
  const int64_t fc = 4 * 10 + 4 * 2 * (10 + 3) + 4 * 3, conv = 4 * 4;
  EXPECT_EQ(CostsAt(table, {9}, {4}).bytes,
            FcPanels(4) + 4 * 3 + fc + ConvPanels(4) + 4 * 20 + conv);
  EXPECT_EQ(CostsAt(table, {9, 5}, {4, 6}).bytes,
            FcPanels(4) + FcPanels(6) + 8 * 3 + fc + ConvPanels(4) + ConvPanels(6) + 8 * 20 + conv);
  // Nothing of it where the layers are float.
  EXPECT_EQ(CostsAt(table, {9}, {32}).bytes, 4 * 750);
}

TEST(WithSchemeTest, FloatBranchesMultiplyAtThirtyTwoBits) {
  QuantScheme scheme;
  scheme.layers["fc"].low_rank = 2;
  const double plain = CostsAt(SmallTable(), {9, 5}, {4, 4}).bitops;
  const Costs with = CostsAt(WithScheme(SmallTable(), scheme), {9, 5}, {4, 4});
  EXPECT_EQ(plain, 2.0 * (150 + 4320) * 4 * 8);
  EXPECT_EQ(with.bitops, plain + 2.0 * 5 * 2 * (10 + 3) * 32 * 32);
  EXPECT_EQ(with.average_activation_bits, 8);
}

TEST(WithSchemeTest, SetsAreThoseOfTheRangesInUse) {
  QuantScheme scheme;
  scheme.range_begins = {0, 50};
  scheme.balanced_by_range = true;
  scheme.layers["fc"].balanced = true;
  const SiteTable table = WithScheme(SmallTable(), scheme);
  const int64_t fc4 = FcPanels(4) + 12, fc6 = FcPanels(6) + 12, multiply = 40,
                conv4 = ConvPanels(4) + 80, conv6 = ConvPanels(6) + 80;
  EXPECT_EQ(CostsAt(table, {9, 5}, {4, 4}).bytes, fc4 + multiply + conv4);
  EXPECT_EQ(CostsAt(table, {70, 5}, {4, 4}).bytes, 2 * (fc4 + multiply) + conv4);
  EXPECT_EQ(CostsAt(table, {70, 5}, {4, 6}).bytes, fc4 + fc6 + 2 * multiply + conv4 + conv6);
  EXPECT_EQ(CostsAt(table, {80, 70, 5}, {4, 6, 4}).bytes,
            2 * fc4 + fc6 + 2 * multiply + conv4 + conv6);
  // Float weights are stored once, whatever the ranges.
  EXPECT_EQ(CostsAt(table, {80, 5}, {32, 32}).bytes, 4 * 750);
  EXPECT_EQ(CostsAt(table, {80, 5}, {4, 32}).bytes, fc4 + multiply + conv4 + 4 * 750);
}

TEST(WithSchemeTest, NestedStoresTheWidestAndItsScales) {
  QuantScheme scheme;
  scheme.nested = true;
  const SiteTable table = WithScheme(SmallTable(), scheme);
  EXPECT_EQ(CostsAt(table, {9, 7, 5}, {4, 6, 2}).bytes, FcPanels(6) + ConvPanels(6) + 4 * (3 + 20));
  EXPECT_EQ(CostsAt(table, {9}, {4}).bytes, FcPanels(4) + ConvPanels(4) + 4 * 23);
}

}  // namespace
}  // namespace tmpq
