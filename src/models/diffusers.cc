#include "src/models/diffusers.h"

#include <algorithm>
#include <optional>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/json.h"
#include "src/models/checkpoint.h"
#include "src/models/class_dit.h"
#include "src/models/component_config.h"
#include "src/models/position.h"
#include "src/models/text_dit.h"
#include "src/models/unet.h"

namespace tmpq {
namespace {

constexpr const char* kPipelineName = "model_index.json";

// Square samples have one number in a config, others two.
void SetImageSize(const ComponentConfig& config, const DiffusersOptions& options, int64_t fallback,
                  int64_t& height, int64_t& width) {
  height = width = fallback;
  if (config.Has("sample_size")) {
    if (config.Raw("sample_size").is_array()) {
      const auto sizes = config.Get<std::vector<int64_t>>("sample_size");
      if (sizes.size() != 2) {
        throw Error(ErrorCode::kInput, config.where(), "sample_size is neither one number nor two");
      }
      height = sizes[0], width = sizes[1];
    } else {
      height = width = config.Size("sample_size");
    }
  }
  if (options.height > 0) height = options.height;
  if (options.width > 0) width = options.width;
}

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
  unet.transformer_layers = config.PerLevel("transformer_layers_per_block", levels, 1);
  unet.context_features = config.Size("cross_attention_dim", 1280);
  unet.context_tokens = options.caption_tokens > 0 ? options.caption_tokens : 77;
  unet.linear_projection = config.Get<bool>("use_linear_projection", false);
  for (const char* key :
       {"addition_embed_type", "encoder_hid_dim_type", "num_class_embeds", "time_cond_proj_dim"}) {
    if (config.Has(key)) config.Expect(key, nullptr);
  }
  config.Expect("only_cross_attention", false);
  config.Expect("dual_cross_attention", false);
  config.Expect("mid_block_type", "UNetMidBlock2DCrossAttn");
  config.Expect("conv_in_kernel", 3);
  return {BuildUnet(unet), {}};
}

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

BuiltNetwork BuildDiffusersClassDit(const ComponentConfig& config,
                                    const DiffusersOptions& options) {
  ClassDitConfig dit = CommonTransformer<ClassDitConfig>(config, options);
  config.Expect("norm_type", "ada_norm_zero");
  dit.classes = config.Size("num_embeds_ada_norm", 1000);
  dit.norm_epsilon = config.Get<double>("norm_eps", 1e-5);
  BuiltNetwork built{BuildClassDit(dit), {}};
  built.source.computed["pos_embed.weight"] = Positions(config, dit);
  return built;
}

BuiltNetwork BuildPixart(const ComponentConfig& config, const DiffusersOptions& options) {
  TextDitConfig dit = CommonTransformer<TextDitConfig>(config, options);
  config.Expect("norm_type", "ada_norm_single");
  const bool conditions =
      config.Get<bool>("use_additional_conditions", config.Get<int64_t>("sample_size", 128) == 128);
  if (conditions) {
    throw Error(ErrorCode::kUnsupported, config.where(),
                "resolution and aspect ratio conditions are not supported",
                "PixArt-alpha at 512 and PixArt-Sigma have none");
  }
  if (config.Size("cross_attention_dim", dit.width) != dit.width) {
    throw Error(ErrorCode::kUnsupported, config.where(), "cross_attention_dim is not the width");
  }
  config.Expect("norm_eps", 1e-6);
  dit.caption_features = config.Size("caption_channels");
  dit.caption_tokens = options.caption_tokens > 0 ? options.caption_tokens : 120;
  dit.caption_mask = true;
  BuiltNetwork built{BuildTextDit(dit), {}};
  built.source.computed["pos_embed.weight"] = Positions(config, dit);
  return built;
}

// The class of early checkpoints was several networks; its norm says which.
BuiltNetwork BuildOldTransformer(const ComponentConfig& config, const DiffusersOptions& options) {
  const bool pixart = config.Get<std::string>("norm_type", "") == "ada_norm_single";
  return (pixart ? BuildPixart : BuildDiffusersClassDit)(config, options);
}

struct KnownClass {
  const char* name;
  BuiltNetwork (*build)(const ComponentConfig&, const DiffusersOptions&);
};
constexpr KnownClass kKnownClasses[] = {{"UNet2DModel", BuildUnet2d},
                                        {"UNet2DConditionModel", BuildUnet2dCondition},
                                        {"DiTTransformer2DModel", BuildDiffusersClassDit},
                                        {"Transformer2DModel", BuildOldTransformer},
                                        {"PixArtTransformer2DModel", BuildPixart}};

const KnownClass& ClassOf(const ComponentConfig& config) {
  const auto name = config.Get<std::string>("_class_name");
  std::string known;
  for (const KnownClass& item : kKnownClasses) {
    if (name == item.name) return item;
    known += (known.empty() ? "" : ", ") + std::string(item.name);
  }
  throw Error(ErrorCode::kUnsupported, config.where(), "class " + name + " is not supported",
              "supported are " + known);
}

// The folder of the network: the pipeline's transformer or U-Net, or the folder itself.
std::filesystem::path NetworkFolder(const std::filesystem::path& folder) {
  const auto index = folder / kPipelineName;
  if (!std::filesystem::exists(index)) return folder;
  const Json json = ParseJson(ReadFile(index, kMostConfigBytes), index.string());
  for (const char* component : {"transformer", "unet"}) {
    if (json.is_object() && json.contains(component)) return folder / component;
  }
  throw Error(ErrorCode::kInput, index.string(), "names neither a transformer nor a unet");
}

}  // namespace

bool IsDiffusersFolder(const std::filesystem::path& folder) {
  return std::filesystem::exists(folder / kPipelineName) ||
         std::filesystem::exists(folder / kConfigName);
}

DiffusersNetwork LoadDiffusers(const std::filesystem::path& folder,
                               const DiffusersOptions& options) {
  const auto component = NetworkFolder(folder);
  const ComponentConfig config(component / kConfigName);
  BuiltNetwork built = ClassOf(config).build(config, options);
  const Checkpoint checkpoint(component, kDiffusersWeights);
  ParameterSet parameters = LoadParameters(checkpoint, built.graph, built.source);
  return {config.Get<std::string>("_class_name"), std::move(built.graph), std::move(parameters)};
}

Graph BuildDiffusersGraph(const std::filesystem::path& config_path,
                          const DiffusersOptions& options) {
  const ComponentConfig config(config_path);
  return ClassOf(config).build(config, options).graph;
}

}  // namespace tmpq
