#include "src/models/autoencoder.h"

#include <string>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"
#include "src/models/checkpoint.h"
#include "src/models/component_config.h"

namespace tmpq {
namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr size_t kMostLevels = 8;

std::string At(const std::string& list, size_t index) { return list + "." + std::to_string(index); }

class AutoencoderBuilder {
 public:
  AutoencoderBuilder(const AutoencoderConfig& config, const std::string& name)
      : c_(config), b_(name) {
    const size_t levels = c_.block_channels.size();
    if (levels == 0 || levels > kMostLevels || c_.image_height % c_.factor() != 0 ||
        c_.image_width % c_.factor() != 0) {
      throw Error(ErrorCode::kInput, "autoencoder",
                  "an image of " + std::to_string(c_.image_height) + " x " +
                      std::to_string(c_.image_width) + " pixels does not halve at " +
                      std::to_string(levels) + " levels");
    }
  }

  Graph Encoder() {
    NodeId x = b_.Input("sample", {c_.image_height, c_.image_width, c_.channels});
    x = Conv("encoder.conv_in", x, c_.block_channels[0]);
    const size_t levels = c_.block_channels.size();
    for (size_t level = 0; level < levels; ++level) {
      const std::string p = At("encoder.down_blocks", level);
      for (int64_t i = 0; i < c_.layers_per_block; ++i) {
        x = Resnet(At(p + ".resnets", i), x, c_.block_channels[level]);
      }
      if (level + 1 == levels) break;
      x = b_.Append(OpKind::kConv2d, p + ".downsamplers.0.conv", {x},
                    {.features = c_.block_channels[level],
                     .kernel = 3,
                     .stride = 2,
                     .padding = 1,
                     .end_padding_only = true});
    }
    x = End("encoder", MidBlock("encoder.mid_block", x), 2 * c_.latent_channels);
    if (c_.encoder_projection) x = b_.Conv2d("quant_conv", x, 2 * c_.latent_channels, 1, 1, 0);
    return b_.Finish(x);
  }

  Graph Decoder() {
    const int64_t factor = c_.factor();
    NodeId x =
        b_.Input("sample", {c_.image_height / factor, c_.image_width / factor, c_.latent_channels});
    if (c_.decoder_projection) x = b_.Conv2d("post_quant_conv", x, c_.latent_channels, 1, 1, 0);
    x = Conv("decoder.conv_in", x, c_.block_channels.back());
    x = MidBlock("decoder.mid_block", x);
    const size_t levels = c_.block_channels.size();
    for (size_t block = 0; block < levels; ++block) {
      const std::string p = At("decoder.up_blocks", block);
      const int64_t channels = c_.block_channels[levels - 1 - block];
      for (int64_t i = 0; i <= c_.layers_per_block; ++i) {
        x = Resnet(At(p + ".resnets", i), x, channels);
      }
      if (block + 1 == levels) break;
      x = Conv(p + ".upsamplers.0.conv", b_.Upsample(p + ".upsamplers.0.nearest", x), channels);
    }
    return b_.Finish(End("decoder", x, c_.output_channels));
  }

 private:
  NodeId Conv(const std::string& name, NodeId x, int64_t channels) {
    return b_.Conv2d(name, x, channels, 3, 1, 1);
  }
  NodeId NormSilu(const std::string& norm, const std::string& act, NodeId x) {
    return b_.Silu(act, b_.GroupNorm(norm, x, c_.norm_groups, kNormEpsilon));
  }

  NodeId Resnet(const std::string& p, NodeId x, int64_t channels) {
    NodeId h = Conv(p + ".conv1", NormSilu(p + ".norm1", p + ".act1", x), channels);
    h = Conv(p + ".conv2", NormSilu(p + ".norm2", p + ".act2", h), channels);
    if (b_.shape(x).back() != channels) x = b_.Conv2d(p + ".conv_shortcut", x, channels, 1, 1, 0);
    return b_.Add(p + ".add", x, h);
  }

  // Every pixel attends to every other, with one head.
  NodeId Attention(const std::string& p, NodeId x) {
    const Shape shape = b_.shape(x);
    const int64_t channels = shape[2];
    const NodeId h =
        b_.Reshape(p + ".tokens", b_.GroupNorm(p + ".group_norm", x, c_.norm_groups, kNormEpsilon),
                   {shape[0] * shape[1], channels});
    const NodeId q = b_.Linear(p + ".to_q", h, channels), k = b_.Linear(p + ".to_k", h, channels),
                 v = b_.Linear(p + ".to_v", h, channels);
    const NodeId out =
        b_.Linear(p + ".to_out.0", b_.FloatAttention(p + ".attention", q, k, v, 1), channels);
    return b_.Add(p + ".add", x, b_.Reshape(p + ".image", out, shape));
  }

  NodeId MidBlock(const std::string& p, NodeId x) {
    const int64_t channels = b_.shape(x).back();
    x = Resnet(p + ".resnets.0", x, channels);
    if (c_.mid_attention) x = Attention(p + ".attentions.0", x);
    return Resnet(p + ".resnets.1", x, channels);
  }

  NodeId End(const std::string& p, NodeId x, int64_t channels) {
    return Conv(p + ".conv_out", NormSilu(p + ".conv_norm_out", p + ".conv_act", x), channels);
  }

  const AutoencoderConfig& c_;
  GraphBuilder b_;
};

void ExpectBlocks(const ComponentConfig& config, const char* key, const char* type, size_t levels) {
  const auto types = config.Get<std::vector<std::string>>(key);
  if (types != std::vector<std::string>(levels, type)) {
    throw Error(ErrorCode::kUnsupported, config.where(),
                std::string(key) + " = " + config.Raw(key).dump() + " is not supported",
                std::string(type) + " at every level is");
  }
}

AutoencoderConfig ReadConfig(const ComponentConfig& config, const DiffusersOptions& options) {
  config.Expect("_class_name", "AutoencoderKL");
  AutoencoderConfig vae;
  vae.channels = config.Size("in_channels", 3);
  vae.output_channels = config.Size("out_channels", 3);
  vae.latent_channels = config.Size("latent_channels", 4);
  const auto channels = config.Get<std::vector<int>>("block_out_channels");
  vae.block_channels = config.PerLevel("block_out_channels", channels.size(), 1);
  ExpectBlocks(config, "down_block_types", "DownEncoderBlock2D", channels.size());
  ExpectBlocks(config, "up_block_types", "UpDecoderBlock2D", channels.size());
  vae.layers_per_block = config.Size("layers_per_block", 1);
  vae.norm_groups = config.Size("norm_num_groups", 32);
  vae.mid_attention = config.Get<bool>("mid_block_add_attention", true);
  vae.encoder_projection = config.Get<bool>("use_quant_conv", true);
  vae.decoder_projection = config.Get<bool>("use_post_quant_conv", true);
  config.Expect("act_fn", "silu");
  vae.image_height = options.height > 0 ? options.height : config.Size("sample_size", 32);
  vae.image_width = options.width > 0 ? options.width : config.Size("sample_size", 32);
  return vae;
}

// The parameters of one half; the other half's tensors are not its concern.
ParameterSet LoadHalf(const Checkpoint& checkpoint, const Graph& graph, const std::string& other,
                      const std::string& others_projection) {
  ParameterSource source;
  source.aliases = OldAttentionNames;
  for (const auto& [name, view] : checkpoint.tensors()) {
    if (name.starts_with(other + ".") || name.starts_with(others_projection + ".")) {
      source.ignored.insert(name);
    }
  }
  return LoadParameters(checkpoint, graph, source);
}

}  // namespace

Graph BuildEncoder(const AutoencoderConfig& config) {
  return AutoencoderBuilder(config, "autoencoder-encoder").Encoder();
}

Graph BuildDecoder(const AutoencoderConfig& config) {
  return AutoencoderBuilder(config, "autoencoder-decoder").Decoder();
}

int64_t AutoencoderFactor(const std::filesystem::path& folder) {
  return ReadConfig(ComponentConfig(folder / kConfigName), {}).factor();
}

Autoencoder LoadAutoencoder(const std::filesystem::path& folder, const DiffusersOptions& options) {
  const ComponentConfig config(folder / kConfigName);
  const AutoencoderConfig vae = ReadConfig(config, options);
  Autoencoder autoencoder;
  autoencoder.encoder = BuildEncoder(vae), autoencoder.decoder = BuildDecoder(vae);
  const Checkpoint checkpoint(folder, kDiffusersWeights);
  autoencoder.encoder_parameters =
      LoadHalf(checkpoint, autoencoder.encoder, "decoder", "post_quant_conv");
  autoencoder.decoder_parameters =
      LoadHalf(checkpoint, autoencoder.decoder, "encoder", "quant_conv");
  autoencoder.scaling_factor = config.Get<double>("scaling_factor", 0.18215);
  autoencoder.shift_factor = config.Get<double>("shift_factor", 0);
  return autoencoder;
}

}  // namespace tmpq
