// diffusers' transformers, from their configs.
#include <algorithm>
#include <cmath>

#include "src/models/class_dit.h"
#include "src/models/diffusers_classes.h"
#include "src/models/hunyuan_dit.h"
#include "src/models/latte.h"
#include "src/models/position.h"
#include "src/models/text_dit.h"

namespace tmpq {
namespace {

// What both transformers share.
template <typename Config>
Config CommonTransformer(const ComponentConfig& config, const DiffusersOptions& options) {
  Config dit;
  SetImageSize(config, options, 32, dit.image_height, dit.image_width);
  dit.channels = config.Size("in_channels", 4);
  dit.output_channels = config.Size("out_channels", dit.channels);
  dit.patch = config.Size("patch_size", 2);
  dit.heads = config.Size("num_attention_heads", 16);
  dit.width = dit.heads * config.Size("attention_head_dim", 72);
  dit.depth = config.Size("num_layers", 28);
  ExpectMultiple(config, "num_attention_heads * attention_head_dim", dit.width, 4);
  config.Expect("activation_fn", "gelu-approximate");
  config.Expect("attention_bias", true);
  config.Expect("norm_elementwise_affine", false);
  config.Expect("upcast_attention", false);
  return dit;
}

template <typename Config>
std::vector<float> Positions(const ComponentConfig& config, const Config& dit) {
  const int64_t sample_size = config.Size("sample_size", 32);
  const double scale = config.Get<double>(
      "interpolation_scale", static_cast<double>(std::max<int64_t>(sample_size / 64, 1)));
  return SincosPositions2d(dit.image_height / dit.patch, dit.image_width / dit.patch, dit.width,
                           sample_size / dit.patch, scale);
}

// The projected caption has the transformer's width.
void ExpectCaptionWidth(const ComponentConfig& config, int64_t width) {
  const int64_t given = config.Size("cross_attention_dim", width);
  if (given == width) return;
  throw Error(ErrorCode::kUnsupported, config.where(),
              "cross_attention_dim = " + std::to_string(given) + " is not supported",
              "supported is num_attention_heads * attention_head_dim = " + std::to_string(width));
}

// HunyuanDiT's token positions: the image is fitted into the middle of a square of the tokens of
// 512 pixels, as HunyuanDiTPipeline does it, and `size` tokens of one side begin at its edge.
std::vector<double> RotarySide(int64_t size, int64_t other, int64_t patch) {
  constexpr int64_t kBasePixels = 512 / 8;  // of a latent
  const auto base = static_cast<double>(kBasePixels / patch);
  const double fitted =
      size >= other ? base
                    : std::nearbyint(base / static_cast<double>(other) * static_cast<double>(size));
  const double begin = std::nearbyint((base - fitted) / 2);
  const double end = (begin + fitted) * static_cast<double>(size - 1) / static_cast<double>(size);
  std::vector<double> positions(size, begin);
  for (int64_t i = 1; i < size; ++i) {
    positions[i] += (end - begin) * static_cast<double>(i) / static_cast<double>(size - 1);
  }
  return positions;
}

}  // namespace

BuiltNetwork BuildDitTransformer(const ComponentConfig& config, const DiffusersOptions& options) {
  ClassDitConfig dit = CommonTransformer<ClassDitConfig>(config, options);
  config.Expect("norm_type", "ada_norm_zero");
  dit.classes = config.Size("num_embeds_ada_norm", 1000);
  dit.norm_epsilon = config.Get<double>("norm_eps", 1e-5);
  BuiltNetwork built{BuildClassDit(dit), {}};
  built.source.computed["pos_embed.weight"] = Positions(config, dit);
  return built;
}

BuiltNetwork BuildPixartTransformer(const ComponentConfig& config,
                                    const DiffusersOptions& options) {
  TextDitConfig dit = CommonTransformer<TextDitConfig>(config, options);
  config.Expect("norm_type", "ada_norm_single");
  dit.size_conditions =
      config.Get<bool>("use_additional_conditions", config.Get<int64_t>("sample_size", 128) == 128);
  if (dit.size_conditions) {
    ExpectMultiple(config,
                   "num_attention_heads * attention_head_dim with use_additional_conditions",
                   dit.width, 3);
  }
  ExpectCaptionWidth(config, dit.width);
  config.Expect("norm_eps", 1e-6);
  dit.caption_features = config.Size("caption_channels");
  dit.caption_tokens = options.caption_tokens > 0 ? options.caption_tokens : 120;
  dit.caption_mask = true;
  BuiltNetwork built{BuildTextDit(dit), {}};
  built.source.computed["pos_embed.weight"] = Positions(config, dit);
  return built;
}

BuiltNetwork BuildLatteTransformer(const ComponentConfig& config, const DiffusersOptions& options) {
  LatteConfig dit = CommonTransformer<LatteConfig>(config, options);
  config.Expect("norm_type", "ada_norm_single");
  ExpectCaptionWidth(config, dit.width);
  const int64_t length = config.Size("video_length", 16);
  dit.frames = options.frames > 0 ? options.frames : length;
  if (dit.frames != 1 && dit.frames != length) {
    throw Error(ErrorCode::kInput, config.where(),
                "video_length is " + std::to_string(length) + ", but the sample has " +
                    std::to_string(dit.frames) + " frames");
  }
  dit.norm_epsilon = config.Get<double>("norm_eps", 1e-5);
  dit.caption_features = config.Size("caption_channels");
  dit.caption_tokens = options.caption_tokens > 0 ? options.caption_tokens : 120;
  BuiltNetwork built{BuildLatte(dit), {}};
  built.source.computed["pos_embed.weight"] = Positions(config, dit);
  built.source.computed["temp_pos_embed.weight"] = SincosPositions1d(dit.frames, dit.width);
  return built;
}

BuiltNetwork BuildHunyuanTransformer(const ComponentConfig& config,
                                     const DiffusersOptions& options) {
  HunyuanDitConfig dit;
  SetImageSize(config, options, 32, dit.image_height, dit.image_width);
  dit.channels = config.Size("in_channels", 4);
  dit.output_channels = (config.Get<bool>("learn_sigma", true) ? 2 : 1) * dit.channels;
  dit.patch = config.Size("patch_size", 2);
  dit.heads = config.Size("num_attention_heads", 16);
  dit.width = dit.heads * config.Size("attention_head_dim", 88);
  dit.depth = config.Size("num_layers", 28);
  ExpectMultiple(config, "attention_head_dim", dit.width / dit.heads, 4);
  if (dit.depth > 1) ExpectMultiple(config, "num_layers", dit.depth, 2);
  dit.mlp_features =
      static_cast<int64_t>(static_cast<double>(dit.width) * config.Get<double>("mlp_ratio", 4));
  dit.text_tokens = config.Size("text_len", 77);
  dit.text_features = config.Size("cross_attention_dim", 1024);
  dit.t5_tokens = config.Size("text_len_t5", 256);
  dit.t5_features = config.Size("cross_attention_dim_t5", 2048);
  dit.pooled_features = config.Size("pooled_projection_dim", 1024);
  dit.size_conditions = config.Get<bool>("use_style_cond_and_image_meta_size", true);
  config.Expect("activation_fn", "gelu-approximate");
  config.Expect("norm_type", "layer_norm");
  config.Expect("hidden_size", dit.width);
  BuiltNetwork built{BuildHunyuanDit(dit), {}};
  const int64_t rows = dit.image_height / dit.patch, columns = dit.image_width / dit.patch;
  built.source.computed["image_rotary_emb.weight"] =
      RotaryPositions2d(RotarySide(rows, columns, dit.patch), RotarySide(columns, rows, dit.patch),
                        dit.width / dit.heads);
  return built;
}

BuiltNetwork BuildTransformer2d(const ComponentConfig& config, const DiffusersOptions& options) {
  const bool pixart = config.Get<std::string>("norm_type", "") == "ada_norm_single";
  return (pixart ? BuildPixartTransformer : BuildDitTransformer)(config, options);
}

}  // namespace tmpq
