// The conformance table: a row for every op and every way it reads its operands. Tests run each row
// on every executor (tests/runtime/conformance_test.cc, tests/torch/parity_test.cc).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/graph/graph_builder.h"
#include "src/models/unet.h"
#include "src/runtime/network.h"
#include "tests/runtime/random_batch.h"
#include "tests/runtime/small_model.h"

namespace tmpq {

constexpr auto kConvolution = LayerGroup::kConvolution;
constexpr auto kSpatial = LayerGroup::kSpatialAttention;

// How every row is run: bits of weights and of activations, and what values are stored as.
struct ConformancePolicy {
  int weight, activation;
  kernels::Storage storage;
};
inline constexpr ConformancePolicy kConformancePolicies[] = {
    {32, 32, kernels::Storage::kFloat32}, {3, 3, kernels::Storage::kFloat32},
    {8, 8, kernels::Storage::kFloat32},   {3, 32, kernels::Storage::kFloat32},
    {32, 32, kernels::Storage::kFloat16}, {32, 32, kernels::Storage::kBfloat16},
    {8, 8, kernels::Storage::kFloat16},   {8, 32, kernels::Storage::kFloat16},
    {3, 3, kernels::Storage::kBfloat16}};

// One graph per row; its name says what it covers.
inline std::vector<Graph> OpCases() {
  std::vector<Graph> cases;
  const auto add = [&](const char* name, auto build) {
    GraphBuilder b(name);
    const NodeId output = build(b);
    cases.push_back(b.Finish(output));
  };
  const auto image = [](GraphBuilder& b) { return b.Input("sample", {6, 4, 8}); };
  const auto video = [](GraphBuilder& b) { return b.Input("sample", {3, 4, 6, 8}); };
  const auto tokens = [](GraphBuilder& b) { return b.Input("sample", {5, 12}); };

  add("linear", [&](auto& b) { return b.Linear("x", tokens(b), 7, kSpatial); });
  add("linear_no_bias", [&](auto& b) { return b.Linear("x", tokens(b), 17, kSpatial, false); });
  add("linear_video", [&](auto& b) { return b.Linear("x", video(b), 9, kSpatial); });
  add("linear_float", [&](auto& b) { return b.Linear("x", tokens(b), 7); });
  add("conv3", [&](auto& b) { return b.Conv2d("x", image(b), 10, 3, 1, 1, kConvolution); });
  add("conv3_stride2", [&](auto& b) { return b.Conv2d("x", image(b), 5, 3, 2, 1, kConvolution); });
  add("conv1", [&](auto& b) { return b.Conv2d("x", image(b), 18, 1, 1, 0, kConvolution); });
  add("conv_patches", [&](auto& b) { return b.Conv2d("x", image(b), 6, 2, 2, 0, kConvolution); });
  add("conv_video", [&](auto& b) { return b.Conv2d("x", video(b), 4, 3, 1, 1, kConvolution); });
  add("conv_float", [&](auto& b) { return b.Conv2d("x", image(b), 4, 3, 2, 1); });
  add("conv_many_rows", [](auto& b) {
    return b.Conv2d("x", b.Input("sample", {40, 33, 2}), 3, 3, 1, 1, kConvolution);
  });
  add("conv_end_padding", [&](auto& b) {
    return b.Append(OpKind::kConv2d, "x", {image(b)},
                    {.features = 4,
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .end_padding_only = true,
                     .bias = false,
                     .quantized = true,
                     .group = static_cast<int64_t>(kConvolution)});
  });
  add("conv_wide", [&](auto& b) {
    return b.Append(OpKind::kConv2d, "x", {image(b)},
                    {.features = 5,
                     .kernel = 1,
                     .quantized = true,
                     .group = static_cast<int64_t>(kConvolution),
                     .kernel_width = 7,
                     .padding_width = 3});
  });
  add("conv_high_stride2", [&](auto& b) {
    return b.Append(OpKind::kConv2d, "x", {video(b)},
                    {.features = 5,
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .quantized = true,
                     .group = static_cast<int64_t>(kConvolution),
                     .kernel_width = 2,
                     .padding_width = 0});
  });
  add("conv_window", [&](auto& b) {
    return b.Conv2d("x", image(b), 3,
                    {.height = 5, .width = 2, .padding_height = 2, .padding_width = 1});
  });
  add("relu", [&](auto& b) { return b.Relu("x", tokens(b)); });
  add("max_pool",
      [&](auto& b) { return b.MaxPool("x", image(b), {.height = 3, .width = 3, .stride = 2}); });
  add("max_pool_padded", [&](auto& b) { return b.MaxPool("x", video(b), {3, 3, 1, 1, 1}); });
  add("average_pool", [&](auto& b) { return b.AveragePool("x", video(b), {3, 3, 1, 1, 1}); });
  add("average_pool_wide", [&](auto& b) {
    return b.AveragePool("x", image(b), {.height = 2, .width = 4, .stride = 2, .padding_width = 2});
  });
  add("max_pool_end_padded", [&](auto& b) {
    return b.MaxPool("x", video(b), {.height = 3, .width = 3, .stride = 2, .end_padding = 1});
  });
  add("conv_end_padded", [&](auto& b) {
    return b.Append(OpKind::kConv2d, "x", {video(b)},
                    {.features = 5,
                     .kernel = 4,
                     .stride = 2,
                     .padding = 1,
                     .quantized = true,
                     .group = static_cast<int64_t>(kConvolution),
                     .end_padding = 1});
  });
  add("frame_windows", [&](auto& b) { return b.FrameWindows("x", video(b), 3, 1, 1); });
  add("frame_windows_apart", [](auto& b) {  // most of them reach out
    return b.FrameWindows("x", b.Input("sample", {5, 4, 2, 3}), 7, 2, 2, 3);
  });
  add("frame_windows_of_tokens", [&](auto& b) { return b.FrameWindows("x", tokens(b), 2, 2, 0); });
  add("layer_norm", [&](auto& b) { return b.LayerNorm("x", video(b)); });
  add("layer_norm_affine", [&](auto& b) { return b.AffineLayerNorm("x", tokens(b)); });
  add("group_norm", [&](auto& b) { return b.GroupNorm("x", image(b), 4); });
  add("group_norm_tokens", [&](auto& b) { return b.GroupNorm("x", tokens(b), 3); });
  add("modulate_gate", [&](auto& b) {
    const NodeId x = video(b), side = b.Linear("side", b.MeanPool("pool", x), 24);
    const NodeId h =
        b.Modulate("modulate", x, b.Slice("shift", side, 0, 8), b.Slice("scale", side, 8, 8));
    return b.GatedAdd("x", x, b.Slice("gate", side, 16, 8), h);
  });
  add("add_same", [&](auto& b) {
    const NodeId x = video(b);
    return b.Add("x", x, b.Silu("silu", x));
  });
  add("add_suffix", [&](auto& b) {
    const NodeId x = video(b);
    return b.Add("x", x, b.MeanPool("pool", x));
  });
  add("multiply", [&](auto& b) {
    const NodeId x = tokens(b);
    return b.Multiply("x", x, b.Gelu("gelu", x));
  });
  add("multiply_suffix", [&](auto& b) {
    const NodeId x = image(b);
    return b.Multiply("x", x, b.MeanPool("pool", x));
  });
  add("add_parameter", [&](auto& b) { return b.AddParameter("x", tokens(b)); });
  add("add_parameter_suffix", [&](auto& b) { return b.AddParameter("x", video(b), {6, 8}); });
  add("scale", [&](auto& b) { return b.Scale("x", tokens(b), -0.37); });
  add("gelu_erf", [&](auto& b) { return b.GeluErf("x", tokens(b)); });
  add("slice_copied", [&](auto& b) { return b.Silu("x", b.Slice("slice", tokens(b), 3, 5)); });
  add("attention_views", [&](auto& b) {
    const NodeId qkv = b.Linear("qkv", tokens(b), 24);
    return b.Attention("x", b.Slice("q", qkv, 0, 8), b.Slice("k", qkv, 8, 8),
                       b.Slice("v", qkv, 16, 8), 2, kSpatial);
  });
  add("attention_groups", [](auto& b) {  // a self-attention per frame
    const NodeId x = b.Input("sample", {3, 7, 8});
    return b.Attention("x", x, b.Silu("k", x), x, 2, kSpatial);
  });
  add("attention_shared_keys", [](auto& b) {  // every frame attends to the same text
    const NodeId x = b.Input("sample", {3, 7, 8}), text = b.Input("context", {4, 8});
    return b.Attention("x", x, text, b.Silu("v", text), 1, LayerGroup::kCrossAttention);
  });
  add("attention_masked", [](auto& b) {
    const NodeId x = b.Input("sample", {2, 7, 8}), text = b.Input("context", {6, 8});
    return b.Attention("x", x, text, text, 2, LayerGroup::kCrossAttention, b.Input("mask", {6}));
  });
  add("attention_causal", [](auto& b) {
    const NodeId x = b.Input("sample", {2, 21, 8});
    return b.FloatAttention("x", x, b.Silu("k", x), x, 2, {.causal = true});
  });
  add("attention_biased", [](auto& b) {
    const NodeId x = b.Input("sample", {2, 7, 8}), text = b.Input("context", {21, 8});
    return b.FloatAttention("x", x, text, text, 4,
                            {.bias = b.Parameter("bias", {4, 7, 21}), .scale = 0.8});
  });
  add("attention_biased_masked", [](auto& b) {
    const NodeId x = b.Input("sample", {6, 8});
    return b.FloatAttention("x", x, x, x, 2,
                            {.mask = b.Input("mask", {6}), .bias = b.Input("bias", {2, 6, 6})});
  });
  add("parameter", [&](auto& b) {
    const NodeId x = tokens(b);
    return b.Add("x", x, b.Parameter("row", {12}));
  });
  add("rms_norm", [&](auto& b) { return b.RmsNorm("x", video(b), 1e-6); });
  add("rms_norm_wide", [](auto& b) { return b.RmsNorm("x", b.Input("sample", {3, 71}), 1e-6); });
  add("quick_gelu", [&](auto& b) { return b.QuickGelu("x", tokens(b)); });
  add("select_row", [&](auto& b) {
    const NodeId x = tokens(b);
    return b.SelectRow("x", b.Silu("silu", x), b.Input("row", {}));
  });
  add("patchify_video", [&](auto& b) {
    const NodeId x = b.Patchify("patchify", video(b), 2);
    return b.Unpatchify("x", b.Linear("fc", x, 12), 2, 4, 6);
  });
  add("patchify_only", [&](auto& b) { return b.Patchify("x", video(b), 2); });
  add("timestep", [](auto& b) { return b.TimestepEmbedding("x", b.Input("timestep", {}), 20); });
  add("timestep_sin_first",
      [](auto& b) { return b.TimestepEmbedding("x", b.Input("timestep", {}), 20, true, 1); });
  add("embedding_label", [](auto& b) { return b.LabelEmbedding("x", b.Input("label", {}), 5, 6); });
  add("embedding_tokens",
      [](auto& b) { return b.LabelEmbedding("x", b.Input("caption", {7}), 5, 6); });
  add("concat", [&](auto& b) {
    const NodeId x = image(b);
    return b.Concat("x", {x, b.Slice("part", x, 2, 3), b.Silu("silu", x)});
  });
  add("reshape", [&](auto& b) { return b.Reshape("x", b.Silu("silu", image(b)), {4, 48}); });
  add("permute_rows", [&](auto& b) { return b.Permute("x", video(b), {1, 0, 2, 3}); });
  add("permute_cycle", [](auto& b) {
    return b.Permute("x", b.Input("sample", {2, 3, 4, 5}), {2, 3, 0, 1});
  });
  add("timestep_several",
      [](auto& b) { return b.TimestepEmbedding("x", b.Input("sizes", {3}), 8); });
  add("rotary", [&](auto& b) {
    return b.Rotary("x", tokens(b), b.Parameter("angles", {5, 4}), 3);
  });
  add("rotary_groups", [](auto& b) {  // the same angles in every frame
    const NodeId x = b.Input("sample", {2, 5, 12});
    return b.Rotary("x", x, b.Input("angles", {5, 12}), 1);
  });
  add("replace_rows", [&](auto& b) {
    return b.ReplaceRows("x", tokens(b), b.Input("mask", {5}), b.Parameter("padding", {5, 12}));
  });
  add("replace_rows_groups", [](auto& b) {
    const NodeId x = b.Input("sample", {2, 5, 3});
    return b.ReplaceRows("x", x, b.Input("mask", {5}), b.Silu("silu", x));
  });
  add("upsample", [&](auto& b) { return b.Upsample("x", image(b)); });
  add("upsample_video", [&](auto& b) { return b.Upsample("x", video(b)); });
  // Read where their parts lie: a group of 6 channels is in both parts, none of 4 is.
  add("skip_concatenation", [&](auto& b) {
    const NodeId near = b.Silu("near", image(b));
    const NodeId deep = b.Conv2d("deep", near, 10, 3, 1, 1, kConvolution);
    const NodeId both = b.Concat("both", {deep, near});
    const NodeId h = b.Silu("silu", b.GroupNorm("norm", both, 3));
    return b.Add("x", b.Conv2d("h", h, 5, 3, 1, 1, kConvolution),
                 b.Conv2d("short", both, 5, 1, 1, 0, kConvolution));
  });
  add("skip_concatenation_video", [&](auto& b) {
    const NodeId x = b.Silu("near", video(b));
    const NodeId both = b.Concat("both", {x, b.Conv2d("deep", x, 24, 1, 1, 0, kConvolution)});
    const NodeId h = b.Conv2d("h", b.GroupNorm("norm", both, 8), 6, 3, 1, 1, kConvolution);
    return b.Add("x", h, b.Conv2d("short", both, 6, 3, 1, 1));
  });
  add("upsampled_convolution", [&](auto& b) {
    const NodeId up = b.Upsample("up", b.Silu("near", image(b)));
    return b.Conv2d("x", up, 6, 3, 1, 1, kConvolution);
  });
  // What comes from outside is never read in parts.
  add("convolution_of_inputs", [&](auto& b) {
    const NodeId sample = image(b), up = b.Upsample("up", sample);
    return b.Add("x", b.Conv2d("a", up, 6, 3, 2, 1, kConvolution),
                 b.Conv2d("b", b.Concat("both", {sample, b.Silu("silu", sample)}), 6, 1, 1, 0));
  });
  add("upsampled_convolution_video", [&](auto& b) {
    const NodeId up = b.Upsample("up", b.Conv2d("in", video(b), 16, 1, 1, 0, kConvolution));
    return b.Add("x", b.Conv2d("a", up, 4, 3, 2, 1, kConvolution), b.Conv2d("b", up, 4, 3, 2, 1));
  });
  cases.push_back(SmallDenoiser());
  cases.push_back(SmallClassifier());
  UnetConfig unet;
  unet.image_height = unet.image_width = 8;
  unet.block_channels = {8, 16}, unet.attention = {0, 1}, unet.heads = {1, 2};
  unet.transformer_layers = {1, 1};
  unet.norm_groups = 4, unet.classes = 3;
  cases.push_back(BuildUnet(unet));
  unet.context_tokens = 5, unet.context_features = 12, unet.linear_projection = true;
  cases.push_back(BuildUnet(unet));
  return cases;
}

// Of a test: what it is of, in letters that a name may have.
inline std::string TestName(std::string of) {
  std::replace(of.begin(), of.end(), '-', '_');
  return of;
}
inline std::string OpCaseName(const testing::TestParamInfo<int>& row) {
  return TestName(OpCases()[row.param].name()) + "_" + std::to_string(row.param);
}

}  // namespace tmpq
