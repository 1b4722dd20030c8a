// A DiT small enough for unit tests, with random parameters that keep all of it alive.
#pragma once

#include <cmath>

#include "src/core/random.h"
#include "src/graph/graph_builder.h"
#include "src/graph/parameters.h"

namespace tmpq {

// Two tokens-wide transformer block over 8 x 8 images, conditioned on timestep and one of three
// labels.
inline Graph SmallDenoiser() {
  GraphBuilder b("small");
  const NodeId sample = b.Input("sample", {8, 8, 1}), timestep = b.Input("timestep", {}),
               label = b.Input("label", {});
  NodeId x = b.AddParameter("position", b.Linear("patches", b.Patchify("patchify", sample, 2), 24,
                                                 LayerGroup::kEmbedding));
  const NodeId t = b.Linear("time", b.TimestepEmbedding("frequencies", timestep, 16), 24);
  const NodeId c = b.Silu("condition", b.Add("sum", t, b.LabelEmbedding("labels", label, 4, 24)));
  const NodeId adaln = b.Linear("adaln", c, 72, LayerGroup::kModulation);
  NodeId h = b.Modulate("modulate", b.LayerNorm("norm", x), b.Slice("shift", adaln, 0, 24),
                        b.Slice("scale", adaln, 24, 24));
  const NodeId qkv = b.Linear("qkv", h, 72, LayerGroup::kSpatialAttention);
  h = b.Attention("attention", b.Slice("q", qkv, 0, 24), b.Slice("k", qkv, 24, 24),
                  b.Slice("v", qkv, 48, 24), 3, LayerGroup::kSpatialAttention);
  x = b.GatedAdd("residual", x, b.Slice("gate", adaln, 48, 24),
                 b.Linear("proj", h, 24, LayerGroup::kSpatialAttention));
  h = b.Linear("fc2", b.Gelu("gelu", b.Linear("fc1", x, 50, LayerGroup::kFeedForward)), 24,
               LayerGroup::kFeedForward);
  x = b.Linear("final", b.Add("skip", x, h), 4, LayerGroup::kEmbedding);
  return b.Finish(b.Unpatchify("unpatchify", x, 2, 8, 8));
}

// Every op that the denoiser lacks: convolutions, group norm, mean pooling, a slice that has to be
// copied.
inline Graph SmallClassifier() {
  GraphBuilder b("small-classifier");
  NodeId x = b.Input("sample", {8, 8, 1});
  x = b.Silu("silu", b.GroupNorm("norm", b.Conv2d("stem", x, 12, 3, 2, 1), 4));
  x = b.Slice("half", b.Conv2d("wide", x, 20, 1, 1, 0), 4, 12);
  x = b.Linear("features", b.MeanPool("pool", b.Silu("half_silu", x)), 7);
  return b.Finish(b.Linear("classes", b.Silu("features_silu", x), 3));
}

inline ParameterSet RandomParameters(const Graph& graph, uint64_t seed = 1) {
  ParameterSet parameters;
  uint64_t stream = 0;
  for (const auto& [name, shape] : graph.parameters()) {
    std::vector<float> values(ElementsOf(shape));
    FillNormal(seed, RandomPurpose::kTest, stream++, values);
    const auto fan_in = static_cast<float>(shape.size() > 1 ? ElementsOf(shape) / shape[0] : 4);
    for (float& value : values) value /= std::sqrt(fan_in);
    parameters.Set(name, std::move(values));
  }
  return parameters;
}

}  // namespace tmpq
