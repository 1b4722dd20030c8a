#include "src/graph/graph.h"

#include <gtest/gtest.h>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"
#include "src/models/dit.h"
#include "src/models/feature_net.h"

namespace tmpq {
namespace {

TEST(GraphBuilderTest, InfersShapes) {
  GraphBuilder b("g");
  const NodeId x = b.Input("sample", {8, 6, 2});
  EXPECT_EQ(b.shape(b.Conv2d("conv", x, 5, 3, 2, 1)), (Shape{4, 3, 5}));
  const NodeId tokens = b.Patchify("patchify", x, 2);
  EXPECT_EQ(b.shape(tokens), (Shape{12, 8}));
  EXPECT_EQ(b.shape(b.Linear("fc", tokens, 7)), (Shape{12, 7}));
  EXPECT_EQ(b.shape(b.Unpatchify("back", tokens, 2, 8, 6)), (Shape{8, 6, 2}));
  EXPECT_EQ(b.shape(b.MeanPool("pool", x)), Shape{2});
  EXPECT_EQ(b.shape(b.MaxPool("largest", x, {3, 3, 2})), (Shape{3, 2, 2}));
  EXPECT_EQ(b.shape(b.Conv2d("wide", x, 5, {1, 7, 1, 0, 3})), (Shape{8, 6, 5}));
  EXPECT_EQ(b.shape(b.Slice("slice", tokens, 3, 2)), (Shape{12, 2}));
}

// Every illegal graph is refused with the node's name.
TEST(GraphBuilderTest, RefusesIllegalShapes) {
  const auto refused = [](const char* node, auto build) {
    GraphBuilder b("g");
    const NodeId x = b.Input("x", {4, 6}), image = b.Input("image", {4, 4, 6});
    try {
      build(b, x, image);
      ADD_FAILURE() << node << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput);
      EXPECT_NE(std::string(error.what()).find(node), std::string::npos) << error.what();
    }
  };
  refused("zero", [](GraphBuilder& b, NodeId x, NodeId) { b.Linear("zero", x, 0); });
  refused("conv", [](GraphBuilder& b, NodeId x, NodeId) { b.Conv2d("conv", x, 4, 3, 1, 1); });
  refused("window",
          [](GraphBuilder& b, NodeId, NodeId image) { b.Conv2d("window", image, 4, 9, 1, 0); });
  refused("wide", [](GraphBuilder& b, NodeId, NodeId image) {
    b.Conv2d("wide", image, 4, {.height = 1, .width = 7, .padding_width = 1});
  });
  refused("tokens", [](GraphBuilder& b, NodeId x, NodeId) { b.MaxPool("tokens", x, {2, 2}); });
  refused("beside", [](GraphBuilder& b, NodeId, NodeId image) {  // windows of padding alone
    b.AveragePool("beside", image, {.height = 2, .width = 2, .padding_height = 2});
  });
  refused("still", [](GraphBuilder& b, NodeId, NodeId image) {
    b.MaxPool("still", image, {.height = 2, .width = 2, .stride = 0});
  });
  refused("huge", [](GraphBuilder& b, NodeId, NodeId image) {
    b.Append(OpKind::kConv2d, "huge", {image},
             {.features = 1, .kernel = 1, .padding = int64_t{1} << 62});
  });
  refused("norm", [](GraphBuilder& b, NodeId, NodeId image) { b.GroupNorm("norm", image, 4); });
  refused("slice", [](GraphBuilder& b, NodeId x, NodeId) { b.Slice("slice", x, 4, 3); });
  refused("slice", [](GraphBuilder& b, NodeId x, NodeId) { b.Slice("slice", x, -1, 3); });
  refused("patch", [](GraphBuilder& b, NodeId, NodeId image) { b.Patchify("patch", image, 3); });
  refused("add", [](GraphBuilder& b, NodeId x, NodeId image) { b.Add("add", x, image); });
  refused("heads", [](GraphBuilder& b, NodeId x, NodeId) {
    b.Attention("heads", x, x, x, 4, LayerGroup::kSpatialAttention);
  });
  refused("bias", [](GraphBuilder& b, NodeId x, NodeId) {
    b.FloatAttention("bias", x, x, x, 2, {.bias = b.Parameter("b", {2, 4, 5})});
  });
  refused("causal_mask", [](GraphBuilder& b, NodeId x, NodeId) {
    b.FloatAttention("causal_mask", x, x, x, 2, {.mask = b.Input("m", {4}), .causal = true});
  });
  refused("integer_causal", [](GraphBuilder& b, NodeId x, NodeId) {
    b.Append(OpKind::kAttention, "integer_causal", {x, x, x},
             {.heads = 2, .quantized = true, .causal = true});
  });
  refused("dims", [](GraphBuilder& b, NodeId, NodeId) { b.Parameter("dims", {4, 1 << 30}); });
  refused("row", [](GraphBuilder& b, NodeId x, NodeId) { b.SelectRow("row", x, x); });
  refused("gate", [](GraphBuilder& b, NodeId x, NodeId) { b.GatedAdd("gate", x, x, x); });
  refused("turn", [](GraphBuilder& b, NodeId x, NodeId) {
    b.Rotary("turn", x, b.Parameter("angles", {4, 3}), 2);  // pairs of 3 channels
  });
  refused("turn", [](GraphBuilder& b, NodeId x, NodeId) {
    b.Rotary("turn", x, b.Parameter("angles", {3, 6}), 1);
  });
  refused("rows", [](GraphBuilder& b, NodeId x, NodeId image) {
    b.ReplaceRows("rows", x, b.Input("mask", {4}), image);
  });
  refused("rows", [](GraphBuilder& b, NodeId x, NodeId) {
    b.ReplaceRows("rows", x, b.Input("mask", {6}), x);
  });
  refused("empty", [](GraphBuilder& b, NodeId, NodeId) { b.Parameter("empty", {}); });
  refused("sizes", [](GraphBuilder& b, NodeId x, NodeId) { b.TimestepEmbedding("sizes", x, 7); });
  refused("twice", [](GraphBuilder& b, NodeId x, NodeId) {
    b.Silu("twice", x);
    b.Silu("twice", x);
  });
}

TEST(GraphTest, JsonRoundTrips) {
  for (const Graph& graph : {BuildDit({}), BuildFeatureClassifier({})}) {
    const Graph back = Graph::FromJson(ParseJson(graph.ToJson().dump(), "test"), "test");
    EXPECT_EQ(back.ToJson(), graph.ToJson());
    EXPECT_EQ(back.hash(), graph.hash());
    EXPECT_EQ(back.parameters(), graph.parameters());
    EXPECT_EQ(back.macs(), graph.macs());
  }
}

TEST(GraphTest, JsonIsCheckedAgain) {
  const Json good = BuildFeatureClassifier({}).ToJson();
  const auto refused = [&](auto damage) {
    Json json = good;
    damage(json);
    EXPECT_THROW(Graph::FromJson(json, "test"), Error);
  };
  refused([](Json& json) { json["format"] = "other"; });
  refused([](Json& json) { json["output"] = 1000; });
  refused([](Json& json) { json["nodes"][1]["op"] = "teleport"; });
  refused([](Json& json) { json["nodes"][1]["inputs"][0] = 5; });
  refused([](Json& json) { json["nodes"][1]["inputs"] = Json::array(); });
  refused([](Json& json) { json["nodes"][1]["features"] = -3; });
  refused([](Json& json) { json["nodes"][1]["features"] = "many"; });
  refused([](Json& json) { json["nodes"][0]["shape"] = {1000000, 1000000, 1000000}; });
  refused([](Json& json) { json.erase("nodes"); });
}

// Closed forms of the DiT: 49 tokens of width 128, 6 blocks.
TEST(DitTest, SitesAndMacsFollowFromTheArchitecture) {
  const DitConfig config;
  const Graph graph = BuildDit(config);
  const int64_t tokens = 49, width = 128, depth = 6;
  const int64_t linears = 12 * width * width * tokens * depth;  // qkv 3, proj 1, fc1 4, fc2 4
  const int64_t attention = 2 * tokens * tokens * width * depth;
  const int64_t modulation = (6 * depth + 2) * width * width, ends = 2 * tokens * 16 * width;
  int64_t quantized = 0;
  int64_t all = 0;
  for (const SiteProduct& product : graph.sites().products) {
    all += product.macs;
    if (product.left_site >= 0) quantized += product.macs;
  }
  EXPECT_EQ(quantized, linears + attention + modulation + ends);
  // The timestep embedder stays in float, and is counted all the same.
  EXPECT_EQ(all, quantized + 2 * width * width);
  EXPECT_EQ(graph.macs(), all);
  // Linears: 5 a block (with adaLN), patch embedding, final adaLN, final.
  EXPECT_EQ(graph.sites().sites.size(), static_cast<size_t>(2 * (5 * depth + 3) + 4 * depth));
  int64_t weights = 0;
  for (const QuantSite& site : graph.sites().sites) {
    if (site.kind == SiteKind::kWeight) weights += site.elements;
  }
  EXPECT_EQ(weights, 12 * width * width * depth + (6 * depth + 2) * width * width + 2 * 16 * width);
}

TEST(DitTest, ADepthOfConfigsBuilds) {
  for (const int64_t patch : {2, 4, 7, 14}) {
    DitConfig config;
    config.patch = patch;
    EXPECT_EQ(BuildDit(config).output_shape(), (Shape{28, 28, 1}));
  }
  DitConfig bad;
  bad.heads = 3;
  EXPECT_THROW(BuildDit(bad), Error);
  bad = {};
  bad.patch = 5;
  EXPECT_THROW(BuildDit(bad), Error);
}

TEST(GraphTest, CutsAfterANode) {
  const Graph classifier = BuildFeatureClassifier({});
  const Graph features = classifier.CutAfter(kFeatureNode);
  EXPECT_EQ(features.output_shape(), Shape{64});
  EXPECT_EQ(features.parameters().size() + 2, classifier.parameters().size());
  EXPECT_THROW(classifier.CutAfter("nowhere"), Error);
}

}  // namespace
}  // namespace tmpq
