#include "src/models/hunyuan_dit.h"

#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr int64_t kFrequencyFeatures = 256;
constexpr int64_t kPoolerHeads = 8;
constexpr int64_t kSizes = 6;  // of image_meta_size
constexpr int64_t kConditionExpansion = 4;
constexpr double kNormEpsilon = 1e-6;
constexpr auto kEmbedding = LayerGroup::kEmbedding;

class HunyuanDitBuilder {
 public:
  explicit HunyuanDitBuilder(const HunyuanDitConfig& config) : c_(config), b_("hunyuan-dit") {
    if (c_.depth > 1 && c_.depth % 2 != 0) {
      throw Error(ErrorCode::kInput, "hunyuan-dit", "the number of blocks is odd",
                  "the last half of them reads what the first half left");
    }
  }

  Graph Build() {
    const NodeId sample = b_.Input("sample", {c_.image_height, c_.image_width, c_.channels});
    const NodeId timestep = b_.Input("timestep", {});
    NodeId x = b_.Linear("pos_embed.proj", b_.Patchify("patchify", sample, c_.patch), c_.width,
                         kEmbedding);
    const NodeId t5 = b_.Input("encoder_hidden_states_t5", {c_.t5_tokens, c_.t5_features});
    MakeCondition(timestep, t5);
    MakeText(t5);
    angles_ = b_.Parameter("image_rotary_emb", {b_.shape(x)[0], c_.width / c_.heads});
    std::vector<NodeId> skips;
    for (int64_t i = 0; i < c_.depth; ++i) {
      const bool reads = i > c_.depth / 2;
      x = Block("blocks." + std::to_string(i) + ".", x, reads ? skips.back() : -1);
      if (reads) skips.pop_back();
      if (i < c_.depth / 2 - 1) skips.push_back(x);
    }
    const NodeId ends =
        b_.Linear("norm_out.linear", condition_, 2 * c_.width, LayerGroup::kModulation);
    const NodeId scale = b_.Slice("norm_out.scale", ends, 0, c_.width);
    const NodeId shift = b_.Slice("norm_out.shift", ends, c_.width, c_.width);
    x = b_.LayerNorm("norm_out.norm", x, kNormEpsilon);
    x = b_.Modulate("norm_out.modulate", x, shift, scale);
    x = b_.Linear("proj_out", x, c_.patch * c_.patch * c_.output_channels, kEmbedding);
    return b_.Finish(b_.Unpatchify("unpatchify", x, c_.patch, c_.image_height, c_.image_width));
  }

 private:
  // (A, C), (B, C) -> (A + B, C).
  NodeId Stack(const std::string& name, NodeId x, NodeId y) {
    const Shape a = b_.shape(x), b = b_.shape(y);
    const NodeId row =
        b_.Concat(name + ".rows", {b_.Reshape(name + ".first", x, {ElementsOf(a)}),
                                   b_.Reshape(name + ".second", y, {ElementsOf(b)})});
    return b_.Reshape(name, row, {ElementsOf(b_.shape(row)) / a.back(), a.back()});
  }

  NodeId Mlp(const std::string& p, NodeId x, int64_t hidden, int64_t features) {
    x = b_.Silu(p + "act_1", b_.Linear(p + "linear_1", x, hidden));
    return b_.Linear(p + "linear_2", x, features);
  }

  // The mean of the text attends to all of it: (tokens, features) -> (pooled).
  NodeId Pool(NodeId text) {
    const std::string p = "time_extra_emb.pooler.";
    const int64_t features = c_.t5_features;
    const NodeId mean = b_.Reshape(p + "mean_row", b_.MeanPool(p + "mean", text), {1, features});
    const NodeId x = b_.AddParameter(p + "positional_embedding", Stack(p + "tokens", mean, text));
    const NodeId row = b_.Reshape(p + "flat", x, {ElementsOf(b_.shape(x))});
    const NodeId first =
        b_.Reshape(p + "query", b_.Slice(p + "first", row, 0, features), {1, features});
    const NodeId q = b_.Linear(p + "q_proj", first, features, kEmbedding);
    const NodeId k = b_.Linear(p + "k_proj", x, features, kEmbedding);
    const NodeId v = b_.Linear(p + "v_proj", x, features, kEmbedding);
    NodeId h = b_.Attention(p + "attention", q, k, v, kPoolerHeads, kEmbedding);
    h = b_.Linear(p + "c_proj", h, c_.pooled_features, kEmbedding);
    return b_.Reshape(p + "row", h, {c_.pooled_features});
  }

  // silu(timestep + pooled text (+ sizes and style)): what every block is shifted by.
  void MakeCondition(NodeId timestep, NodeId t5) {
    const std::string p = "time_extra_emb.";
    NodeId t = b_.TimestepEmbedding(p + "time_proj", timestep, kFrequencyFeatures);
    t = b_.Silu(p + "timestep_embedder.act",
                b_.Linear(p + "timestep_embedder.linear_1", t, c_.width));
    t = b_.Linear(p + "timestep_embedder.linear_2", t, c_.width);
    NodeId extra = Pool(t5);
    if (c_.size_conditions) {
      const NodeId sizes = b_.TimestepEmbedding(
          p + "size_proj", b_.Input("image_meta_size", {kSizes}), kFrequencyFeatures);
      const NodeId style =
          b_.LabelEmbedding(p + "style_embedder", b_.Input("style", {}), 1, c_.width);
      extra = b_.Concat(
          p + "extra",
          {extra, b_.Reshape(p + "size_row", sizes, {kSizes * kFrequencyFeatures}), style});
    }
    extra = Mlp(p + "extra_embedder.", extra, kConditionExpansion * c_.width, c_.width);
    condition_ = b_.Silu("condition", b_.Add(p + "sum", t, extra));
  }

  // Both texts, one after the other; tokens that a mask leaves out are replaced.
  void MakeText(NodeId t5) {
    const NodeId text = b_.Input("encoder_hidden_states", {c_.text_tokens, c_.text_features});
    const NodeId mask =
        b_.Concat("text_mask", {b_.Input("text_embedding_mask", {c_.text_tokens}),
                                b_.Input("text_embedding_mask_t5", {c_.t5_tokens})});
    NodeId h = b_.Linear("text_embedder.linear_1", t5, 4 * c_.t5_features, kEmbedding);
    h = b_.Linear("text_embedder.linear_2", b_.Silu("text_embedder.act_1", h), c_.text_features,
                  kEmbedding);
    const NodeId both = Stack("text_tokens", text, h);
    text_ =
        b_.ReplaceRows("text", both, mask, b_.Parameter("text_embedding_padding", b_.shape(both)));
  }

  // Each head's channels are normalized by themselves.
  NodeId HeadNorm(const std::string& name, NodeId x) {
    const Shape shape = b_.shape(x);
    x = b_.Reshape(name + ".heads", x, {shape[0], c_.heads, c_.width / c_.heads});
    return b_.Reshape(name + ".row", b_.AffineLayerNorm(name, x, kNormEpsilon), shape);
  }

  NodeId Attend(const std::string& p, NodeId x, NodeId to, LayerGroup group) {
    NodeId q = b_.Linear(p + ".to_q", x, c_.width, group);
    NodeId k = b_.Linear(p + ".to_k", to, c_.width, group);
    const NodeId v = b_.Linear(p + ".to_v", to, c_.width, group);
    q = b_.Rotary(p + ".rotary_q", HeadNorm(p + ".norm_q", q), angles_, c_.heads);
    k = HeadNorm(p + ".norm_k", k);
    if (x == to) k = b_.Rotary(p + ".rotary_k", k, angles_, c_.heads);
    return b_.Linear(p + ".to_out.0", b_.Attention(p + ".attention", q, k, v, c_.heads, group),
                     c_.width, group);
  }

  NodeId Block(const std::string& p, NodeId x, NodeId skip) {
    if (skip >= 0) {
      x = b_.AffineLayerNorm(p + "skip_norm", b_.Concat(p + "skip", {x, skip}), kNormEpsilon);
      x = b_.Linear(p + "skip_linear", x, c_.width, LayerGroup::kFeedForward);
    }
    const NodeId shift =
        b_.Linear(p + "norm1.linear", condition_, c_.width, LayerGroup::kModulation);
    NodeId h =
        b_.Add(p + "norm1.shifted", b_.AffineLayerNorm(p + "norm1.norm", x, kNormEpsilon), shift);
    x = b_.Add(p + "add1", x, Attend(p + "attn1", h, h, LayerGroup::kSpatialAttention));
    h = b_.AffineLayerNorm(p + "norm2", x, kNormEpsilon);
    x = b_.Add(p + "add2", x, Attend(p + "attn2", h, text_, LayerGroup::kCrossAttention));
    h = b_.AffineLayerNorm(p + "norm3", x, kNormEpsilon);
    h = b_.Linear(p + "ff.net.0.proj", h, c_.mlp_features, LayerGroup::kFeedForward);
    h = b_.Linear(p + "ff.net.2", b_.Gelu(p + "ff.gelu", h), c_.width, LayerGroup::kFeedForward);
    return b_.Add(p + "add3", x, h);
  }

  const HunyuanDitConfig& c_;
  GraphBuilder b_;
  NodeId condition_ = -1, text_ = -1, angles_ = -1;
};

}  // namespace

Graph BuildHunyuanDit(const HunyuanDitConfig& config) { return HunyuanDitBuilder(config).Build(); }

}  // namespace tmpq
