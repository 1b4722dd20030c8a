// What a supernet's file holds, by part.
#include <gtest/gtest.h>

#include "kernels/include/packing.h"
#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

class SupernetSizeTest : public testing::Test {
 protected:
  // Of a small DiT at 3, 6 and 8 bits.
  void Make(const QuantRecipe& recipe) {
    net_.reset();
    net_ = std::make_unique<RecipeNetwork>("dit", recipe, TestPath());
    sizes_ = net_->Open().weights().SizesByMaskSet();
  }
  template <typename Value>
  int64_t SumOverWeights(Value value) const {
    int64_t sum = 0;
    for (const QuantSite& site : net_->graph().sites().sites) {
      if (site.kind == SiteKind::kWeight) sum += value(site);
    }
    return sum;
  }
  int64_t PanelBytes(std::initializer_list<int> widths) const {
    return SumOverWeights([&](const QuantSite& site) {
      int64_t bytes = 0;
      for (const int bits : widths) {
        bytes += kernels::PackedBytes(site.output_features, site.input_features, bits);
      }
      return bytes;
    });
  }
  int64_t OneScaleEach() const {
    return SumOverWeights([](const QuantSite& site) { return 4 * site.output_features; });
  }

  std::unique_ptr<RecipeNetwork> net_;
  std::vector<SupernetSize> sizes_;
};

TEST_F(SupernetSizeTest, PackedIsTheSumOfTheBitWidths) {
  Make(TestedRecipe("naive"));
  ASSERT_EQ(sizes_.size(), 1u);
  EXPECT_EQ(sizes_[0], (SupernetSize{{"packed integers", PanelBytes({3, 6, 8})},
                                     {"weight scales", 3 * OneScaleEach()}}));
}

TEST_F(SupernetSizeTest, NestedIsTheWidestWithItsScales) {
  QuantRecipe recipe;
  recipe.nested = true;
  Make(recipe);
  ASSERT_EQ(sizes_.size(), 1u);
  EXPECT_EQ(sizes_[0], (SupernetSize{{"packed integers", PanelBytes({8})},
                                     {"weight scales", OneScaleEach()}}));
}

TEST_F(SupernetSizeTest, EveryTensorIsInOneSetOrInAll) {
  Make(TestedRecipe("everything"));
  ASSERT_EQ(sizes_.size(), 2u);
  const TensorFile file(net_->path());
  int64_t all = 0, shared = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    const bool of_a_set =
        name.find(".s0.") != std::string::npos || name.find(".s1.") != std::string::npos;
    (of_a_set ? all : shared) += static_cast<int64_t>(tensor.data.size());
  }
  EXPECT_GT(shared, 0);
  for (const SupernetSize& size : sizes_) {
    for (const char* part : {"weight sums", "weight zero points", "transform vectors",
                             "float branches", "static activations"}) {
      EXPECT_GT(size.count(part), 0u) << part;
    }
    for (const auto& [part, bytes] : size) all -= bytes;
  }
  EXPECT_EQ(all, -2 * shared);
}

TEST_F(SupernetSizeTest, FloatParametersBesideAreThoseOfNoWeightSite) {
  QuantRecipe recipe;
  Make(recipe);
  const int64_t weights = SumOverWeights([](const QuantSite& site) { return 4 * site.elements; });
  EXPECT_EQ(FloatBytesBeside(net_->graph(), net_->scheme()),
            4 * net_->graph().parameter_count() - weights);
  recipe.keep_float = ".*";
  const QuantScheme floats = SchemeOf(recipe, net_->graph(), RecipeNetwork::kTimesteps);
  EXPECT_EQ(FloatBytesBeside(net_->graph(), floats), 4 * net_->graph().parameter_count());
}

}  // namespace
}  // namespace tmpq
