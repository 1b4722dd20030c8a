// diffusers' U-Nets, from their configs.
#include <algorithm>

#include "src/models/diffusers_classes.h"
#include "src/models/unet.h"

namespace tmpq {
namespace {

// Block types by level: whether each has attention, of the kinds that are known.
std::vector<int> AttentionOf(const ComponentConfig& config, const char* key, const char* with,
                             const char* without) {
  std::vector<int> attention;
  for (const std::string& type : config.Get<std::vector<std::string>>(key)) {
    if (type != with && type != without) {
      throw Error(ErrorCode::kUnsupported, config.where(),
                  std::string(key) + " has " + type + ", which is not supported",
                  std::string("supported are ") + with + " and " + without);
    }
    attention.push_back(type == with);
  }
  return attention;
}

// What both kinds of U-Nets share. `heads` is set by them.
UnetConfig CommonUnet(const ComponentConfig& config, const DiffusersOptions& options,
                      const std::string& kind) {
  UnetConfig unet;
  SetImageSize(config, options, 64, unet.image_height, unet.image_width);
  unet.channels = config.Size("in_channels", 3);
  unet.output_channels = config.Size("out_channels", 3);
  unet.block_channels = config.Get<std::vector<int>>("block_out_channels");
  const size_t levels = unet.block_channels.size();
  unet.attention =
      AttentionOf(config, "down_block_types", (kind + "DownBlock2D").c_str(), "DownBlock2D");
  std::vector<int> up =
      AttentionOf(config, "up_block_types", (kind + "UpBlock2D").c_str(), "UpBlock2D");
  std::reverse(up.begin(), up.end());
  if (levels == 0 || unet.attention.size() != levels || up != unet.attention) {
    throw Error(ErrorCode::kUnsupported, config.where(),
                "down_block_types, up_block_types and block_out_channels do not mirror each other");
  }
  unet.layers_per_block = config.Size("layers_per_block", 2);
  unet.norm_groups = config.Size("norm_num_groups", 32);
  unet.norm_epsilon = config.Get<double>("norm_eps", 1e-5);
  unet.sin_first = !config.Get<bool>("flip_sin_to_cos", true);
  unet.frequency_shift = config.Get<double>("freq_shift", 0);
  unet.end_padded_downsampling = config.Get<int64_t>("downsample_padding", 1) == 0;
  for (const char* key : {"class_embed_type", "time_embedding_dim", "timestep_post_act"}) {
    if (config.Has(key)) config.Expect(key, nullptr);
  }
  config.Expect("act_fn", "silu");
  config.Expect("resnet_time_scale_shift", "default");
  config.Expect("time_embedding_type", "positional");
  config.Expect("center_input_sample", false);
  config.Expect("mid_block_scale_factor", 1);
  return unet;
}

// SDXL's pooled text and sizes (addition_embed_type text_time). The config has the features of all
// of them together.
void SetSizeConditions(const ComponentConfig& config, const DiffusersOptions& options,
                       UnetConfig& unet) {
  if (!config.Has("addition_embed_type")) return;
  config.Expect("addition_embed_type", "text_time");
  unet.sizes = options.sizes > 0 ? options.sizes : 6;
  unet.size_features = config.Size("addition_time_embed_dim", 256);
  const int64_t all = config.Size("projection_class_embeddings_input_dim", 2816);
  unet.pooled_features = all - unet.sizes * unet.size_features;
  if (unet.pooled_features < 1) {
    throw Error(ErrorCode::kInput, config.where(),
                "projection_class_embeddings_input_dim is " + std::to_string(all),
                "more than " + std::to_string(unet.sizes) +
                    " size conditions of addition_time_embed_dim " +
                    std::to_string(unet.size_features) + " is expected");
  }
}

}  // namespace

BuiltNetwork BuildUnet2d(const ComponentConfig& config, const DiffusersOptions& options) {
  UnetConfig unet = CommonUnet(config, options, "Attn");
  config.Expect("add_attention", true);
  config.Expect("downsample_type", "conv");
  config.Expect("upsample_type", "conv");
  const size_t levels = unet.block_channels.size();
  const bool one_head = config.Has("attention_head_dim") == false;
  unet.heads.clear();
  for (size_t i = 0; i < levels; ++i) {
    const int64_t size = one_head ? unet.block_channels[i] : config.Size("attention_head_dim");
    unet.heads.push_back(static_cast<int>(unet.block_channels[i] / size));
  }
  if (config.Has("num_class_embeds")) unet.classes = config.Size("num_class_embeds") - 1;
  BuiltNetwork built{BuildUnet(unet), {}};
  built.source.aliases = OldAttentionNames;
  return built;
}

BuiltNetwork BuildUnet2dCondition(const ComponentConfig& config, const DiffusersOptions& options) {
  UnetConfig unet = CommonUnet(config, options, "CrossAttn");
  const size_t levels = unet.block_channels.size();
  // diffusers calls the number of heads attention_head_dim here.
  unet.heads = config.PerLevel(
      config.Has("num_attention_heads") ? "num_attention_heads" : "attention_head_dim", levels, 8);
  unet.transformer_layers = config.PerLevel("transformer_layers_per_block", levels, 1, 0);
  unet.context_features = config.Size("cross_attention_dim", 1280);
  unet.context_tokens = options.caption_tokens > 0 ? options.caption_tokens : 77;
  unet.linear_projection = config.Get<bool>("use_linear_projection", false);
  SetSizeConditions(config, options, unet);
  for (const char* key :
       {"encoder_hid_dim", "encoder_hid_dim_type", "num_class_embeds", "time_cond_proj_dim",
        "time_embedding_act_fn", "cross_attention_norm", "reverse_transformer_layers_per_block"}) {
    if (config.Has(key)) config.Expect(key, nullptr);
  }
  config.Expect("attention_type", "default");
  config.Expect("class_embeddings_concat", false);
  config.Expect("conv_out_kernel", 3);
  config.Expect("resnet_out_scale_factor", 1);
  config.Expect("resnet_skip_time_act", false);
  config.Expect("mid_block_only_cross_attention", false);
  config.Expect("only_cross_attention", false);
  config.Expect("dual_cross_attention", false);
  config.Expect("mid_block_type", "UNetMidBlock2DCrossAttn");
  config.Expect("conv_in_kernel", 3);
  return {BuildUnet(unet), {}};
}

}  // namespace tmpq
