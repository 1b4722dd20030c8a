#include "src/models/unet.h"

#include <string>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr double kTransformerNormEpsilon = 1e-6;
constexpr int64_t kTimeExpansion = 4;         // width of the time embedding / finest level's
constexpr int64_t kFeedForwardExpansion = 4;  // of GEGLU

std::string At(const std::string& list, size_t index) { return list + "." + std::to_string(index); }

class UnetBuilder {
 public:
  explicit UnetBuilder(const UnetConfig& config)
      : c_(config), b_(config.context_tokens > 0 ? "unet-text" : "unet") {
    const size_t levels = c_.block_channels.size();
    if (levels == 0 || c_.attention.size() != levels || c_.heads.size() != levels ||
        (c_.context_tokens > 0 && c_.transformer_layers.size() != levels) ||
        (c_.sizes > 0) != (c_.pooled_features > 0)) {
      throw Error(ErrorCode::kInput, "unet",
                  "block_channels, attention, heads and transformer_layers differ in length, or "
                  "one of pooled_features and sizes is missing");
    }
  }

  Graph Build() {
    const NodeId sample = b_.Input("sample", {c_.image_height, c_.image_width, c_.channels});
    const NodeId timestep = b_.Input("timestep", {});
    MakeEmbedding(timestep);
    if (c_.context_tokens > 0) {
      context_ = b_.Input("encoder_hidden_states", {c_.context_tokens, c_.context_features});
    }
    const size_t levels = c_.block_channels.size();
    NodeId x = Conv("conv_in", sample, c_.block_channels[0], 3, 1);
    skips_ = {x};
    for (size_t level = 0; level < levels; ++level) x = DownBlock(x, level);
    x = Resnet("mid_block.resnets.0", x, c_.block_channels[levels - 1]);
    x = Attention("mid_block.attentions.0", x, levels - 1);
    x = Resnet("mid_block.resnets.1", x, c_.block_channels[levels - 1]);
    for (size_t block = 0; block < levels; ++block) x = UpBlock(x, block);
    x = b_.Silu("conv_act", Norm("conv_norm_out", x));
    return b_.Finish(Conv("conv_out", x, c_.output_channels, 3, 1));
  }

 private:
  NodeId Conv(const std::string& name, NodeId x, int64_t channels, int64_t kernel, int64_t stride) {
    return b_.Conv2d(name, x, channels, kernel, stride, kernel / 2, LayerGroup::kConvolution);
  }
  NodeId Norm(const std::string& name, NodeId x) {
    return b_.GroupNorm(name, x, c_.norm_groups, c_.norm_epsilon);
  }

  // silu(time embedding (+ label embedding)): what every residual block reads.
  void MakeEmbedding(NodeId timestep) {
    const int64_t features = c_.block_channels[0], width = kTimeExpansion * features;
    NodeId t =
        b_.TimestepEmbedding("time_proj", timestep, features, c_.sin_first, c_.frequency_shift);
    t = b_.Silu("time_embedding.act", b_.Linear("time_embedding.linear_1", t, width));
    t = b_.Linear("time_embedding.linear_2", t, width);
    if (c_.classes > 0) {
      const NodeId label = b_.Input("label", {});
      t = b_.Add("embedding", t,
                 b_.LabelEmbedding("class_embedding", label, c_.classes + 1, width));
    }
    if (c_.sizes > 0) t = b_.Add("embedding_sizes", t, EmbedSizes(width));
    embedding_ = b_.Silu("embedding_act", t);
  }

  // The pooled text and the size conditions, together.
  NodeId EmbedSizes(int64_t width) {
    const NodeId text = b_.Input("text_embeds", {c_.pooled_features});
    NodeId h = b_.TimestepEmbedding("add_time_proj", b_.Input("time_ids", {c_.sizes}),
                                    c_.size_features, c_.sin_first, c_.frequency_shift);
    h = b_.Concat("add_embedding.pair",
                  {text, b_.Reshape("add_time_proj.row", h, {c_.sizes * c_.size_features})});
    h = b_.Silu("add_embedding.act", b_.Linear("add_embedding.linear_1", h, width));
    return b_.Linear("add_embedding.linear_2", h, width);
  }

  NodeId Resnet(const std::string& p, NodeId x, int64_t channels) {
    NodeId h = b_.Silu(p + ".act1", Norm(p + ".norm1", x));
    h = Conv(p + ".conv1", h, channels, 3, 1);
    h = b_.Add(p + ".time", h,
               b_.Linear(p + ".time_emb_proj", embedding_, channels, LayerGroup::kModulation));
    h = b_.Silu(p + ".act2", Norm(p + ".norm2", h));
    h = Conv(p + ".conv2", h, channels, 3, 1);
    if (b_.shape(x).back() != channels) x = Conv(p + ".conv_shortcut", x, channels, 1, 1);
    return b_.Add(p + ".add", x, h);
  }

  // x: (tokens, C) attends to itself or to the context.
  NodeId Attend(const std::string& p, NodeId x, NodeId to, int64_t heads, LayerGroup group,
                bool bias) {
    const int64_t channels = b_.shape(x).back();
    const NodeId q = b_.Linear(p + ".to_q", x, channels, group, bias);
    const NodeId k = b_.Linear(p + ".to_k", to, channels, group, bias);
    const NodeId v = b_.Linear(p + ".to_v", to, channels, group, bias);
    return b_.Linear(p + ".to_out.0", b_.Attention(p + ".attention", q, k, v, heads, group),
                     channels, group);
  }

  NodeId Attention(const std::string& p, NodeId x, size_t level) {
    const Shape shape = b_.shape(x);
    const Shape tokens = {shape[0] * shape[1], shape[2]};
    const int64_t heads = c_.heads[level];
    if (context_ < 0) {
      NodeId h = b_.Reshape(p + ".tokens", Norm(p + ".group_norm", x), tokens);
      h = Attend(p, h, h, heads, LayerGroup::kSpatialAttention, true);
      return b_.Add(p + ".add", x, b_.Reshape(p + ".image", h, shape));
    }
    NodeId h = b_.GroupNorm(p + ".norm", x, c_.norm_groups, kTransformerNormEpsilon);
    if (!c_.linear_projection) h = Conv(p + ".proj_in", h, shape[2], 1, 1);
    h = b_.Reshape(p + ".tokens", h, tokens);
    if (c_.linear_projection) {
      h = b_.Linear(p + ".proj_in", h, shape[2], LayerGroup::kSpatialAttention);
    }
    for (int i = 0; i < c_.transformer_layers[level]; ++i) {
      h = TransformerBlock(At(p + ".transformer_blocks", i), h, heads);
    }
    if (c_.linear_projection) {
      h = b_.Linear(p + ".proj_out", h, shape[2], LayerGroup::kSpatialAttention);
    }
    h = b_.Reshape(p + ".image", h, shape);
    if (!c_.linear_projection) h = Conv(p + ".proj_out", h, shape[2], 1, 1);
    return b_.Add(p + ".add", x, h);
  }

  NodeId TransformerBlock(const std::string& p, NodeId x, int64_t heads) {
    const int64_t width = b_.shape(x).back(), inner = kFeedForwardExpansion * width;
    NodeId h = b_.AffineLayerNorm(p + ".norm1", x);
    h = Attend(p + ".attn1", h, h, heads, LayerGroup::kSpatialAttention, false);
    x = b_.Add(p + ".add1", x, h);
    h = b_.AffineLayerNorm(p + ".norm2", x);
    h = Attend(p + ".attn2", h, context_, heads, LayerGroup::kCrossAttention, false);
    x = b_.Add(p + ".add2", x, h);
    h = b_.AffineLayerNorm(p + ".norm3", x);
    h = b_.Linear(p + ".ff.net.0.proj", h, 2 * inner, LayerGroup::kFeedForward);
    const NodeId gate = b_.GeluErf(p + ".ff.gelu", b_.Slice(p + ".ff.gate", h, inner, inner));
    h = b_.Multiply(p + ".ff.geglu", b_.Slice(p + ".ff.hidden", h, 0, inner), gate);
    h = b_.Linear(p + ".ff.net.2", h, width, LayerGroup::kFeedForward);
    return b_.Add(p + ".add3", x, h);
  }

  NodeId DownBlock(NodeId x, size_t level) {
    const std::string p = At("down_blocks", level);
    for (int64_t i = 0; i < c_.layers_per_block; ++i) {
      x = Resnet(At(p + ".resnets", i), x, c_.block_channels[level]);
      if (c_.attention[level] != 0) x = Attention(At(p + ".attentions", i), x, level);
      skips_.push_back(x);
    }
    if (level + 1 < c_.block_channels.size()) {
      x = b_.Append(OpKind::kConv2d, p + ".downsamplers.0.conv", {x},
                    {.features = c_.block_channels[level],
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .end_padding_only = c_.end_padded_downsampling,
                     .quantized = true,
                     .group = static_cast<int64_t>(LayerGroup::kConvolution)});
      skips_.push_back(x);
    }
    return x;
  }

  NodeId UpBlock(NodeId x, size_t block) {
    const std::string p = At("up_blocks", block);
    const size_t level = c_.block_channels.size() - 1 - block;
    for (int64_t i = 0; i <= c_.layers_per_block; ++i) {
      x = b_.Concat(At(p + ".concat", i), {x, skips_.back()});
      skips_.pop_back();
      x = Resnet(At(p + ".resnets", i), x, c_.block_channels[level]);
      if (c_.attention[level] != 0) x = Attention(At(p + ".attentions", i), x, level);
    }
    if (level == 0) return x;
    x = b_.Upsample(p + ".upsamplers.0.nearest", x);
    return Conv(p + ".upsamplers.0.conv", x, c_.block_channels[level], 3, 1);
  }

  const UnetConfig& c_;
  GraphBuilder b_;
  NodeId embedding_ = -1, context_ = -1;
  std::vector<NodeId> skips_;
};

}  // namespace

Graph BuildUnet(const UnetConfig& config) { return UnetBuilder(config).Build(); }

}  // namespace tmpq
