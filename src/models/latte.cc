#include "src/models/latte.h"

#include <string>

#include "src/graph/graph_builder.h"
#include "src/models/adaln_single.h"

namespace tmpq {

Graph BuildLatte(const LatteConfig& config) {
  GraphBuilder b("latte");
  AdalnSingle parts(
      b, {.width = config.width, .heads = config.heads, .norm_epsilon = config.norm_epsilon});
  const NodeId sample =
      b.Input("sample", {config.frames, config.image_height, config.image_width, config.channels});
  const NodeId timestep = b.Input("timestep", {});
  const NodeId text =
      b.Input("encoder_hidden_states", {config.caption_tokens, config.caption_features});
  NodeId x = b.Linear("pos_embed.proj", b.Patchify("patchify", sample, config.patch), config.width,
                      LayerGroup::kEmbedding);
  x = b.AddParameter("pos_embed", x, {b.shape(x)[1], config.width});
  const NodeId caption = parts.ProjectCaption(text);
  parts.Condition(parts.EmbedTimestep(timestep));
  for (int64_t i = 0; i < config.depth; ++i) {
    std::string p = "transformer_blocks." + std::to_string(i) + ".";
    AdalnSingle::Modulation m = parts.ModulationOf(p);
    x = parts.SelfAttention(p, x, m, LayerGroup::kSpatialAttention);
    x = b.Add(p + "residual2", x,
              parts.Attend(p + "attn2", x, caption, LayerGroup::kCrossAttention));
    x = parts.FeedForward(p, x, m);

    // Every position over the frames: (frames, tokens, width) -> (tokens, frames, width).
    p = "temporal_" + p;
    x = b.Permute(p + "by_position", x, {1, 0, 2});
    if (i == 0 && config.frames > 1) {
      x = b.AddParameter("temp_pos_embed", x, {config.frames, config.width});
    }
    m = parts.ModulationOf(p);
    x = parts.SelfAttention(p, x, m, LayerGroup::kTemporalAttention);
    x = parts.FeedForward(p, x, m);
    x = b.Permute(p + "by_frame", x, {1, 0, 2});
  }
  x = parts.Project(x, config.patch * config.patch * config.output_channels);
  return b.Finish(
      b.Unpatchify("unpatchify", x, config.patch, config.image_height, config.image_width));
}

}  // namespace tmpq
