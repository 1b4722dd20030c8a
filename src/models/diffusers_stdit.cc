// OpenSORA 1.0's STDiT: the published tensors, beside a config.json of the class's arguments.
#include <numeric>

#include "src/models/diffusers_classes.h"
#include "src/models/position.h"
#include "src/models/stdit.h"

namespace tmpq {
namespace {

// The three sizes of `key`: frames, height, width.
std::vector<int64_t> Sizes(const ComponentConfig& config, const char* key,
                           std::vector<int64_t> fallback) {
  const auto sizes = config.Get(key, fallback);
  if (sizes.size() != 3 || std::any_of(sizes.begin(), sizes.end(),
                                       [](int64_t size) { return size < 1 || size > (1 << 20); })) {
    throw Error(ErrorCode::kInput, config.where(),
                std::string(key) + " is not three sizes: frames, height, width");
  }
  return sizes;
}

double ScaleOf(const ComponentConfig& config, const char* key) {
  const auto scale = config.Get<double>(key, 1);
  if (!(scale > 0)) {
    throw Error(ErrorCode::kInput, config.where(), std::string(key) + " is not positive");
  }
  return scale;
}

// 0, 1, .. over `scale`.
std::vector<double> PositionsOf(int64_t count, double scale) {
  std::vector<double> positions(count);
  std::iota(positions.begin(), positions.end(), 0.0);
  for (double& position : positions) position /= scale;
  return positions;
}

}  // namespace

BuiltNetwork BuildOpenSoraStdit(const ComponentConfig& config, const DiffusersOptions& options) {
  StditConfig dit;
  const std::vector<int64_t> size = Sizes(config, "input_size", {1, 32, 32});
  const std::vector<int64_t> patch = Sizes(config, "patch_size", {1, 2, 2});
  if (patch[0] != 1 || patch[1] != patch[2]) {
    throw Error(ErrorCode::kUnsupported, config.where(),
                "patch_size = " + Json(patch).dump() + " is not supported",
                "supported are patches of one frame with equal sides, such as [1,2,2]");
  }
  dit.frames = options.frames > 0 ? options.frames : size[0];
  dit.image_height = options.height > 0 ? options.height : size[1];
  dit.image_width = options.width > 0 ? options.width : size[2];
  dit.patch = patch[1];
  dit.channels = config.Size("in_channels", 4);
  dit.output_channels = (config.Get<bool>("pred_sigma", true) ? 2 : 1) * dit.channels;
  dit.width = config.Size("hidden_size", 1152);
  ExpectMultiple(config, "hidden_size", dit.width, 4);
  dit.depth = config.Size("depth", 28);
  dit.heads = config.Size("num_heads", 16);
  dit.mlp_features =
      static_cast<int64_t>(static_cast<double>(dit.width) * config.Get<double>("mlp_ratio", 4));
  dit.caption_features = config.Size("caption_channels", 4096);
  dit.caption_tokens =
      options.caption_tokens > 0 ? options.caption_tokens : config.Size("model_max_length", 120);

  BuiltNetwork built{BuildStdit(dit), {}};
  const double space = ScaleOf(config, "space_scale"), time = ScaleOf(config, "time_scale");
  // The file's tables are of the config's size.
  const bool resized =
      dit.frames != size[0] || dit.image_height != size[1] || dit.image_width != size[2];
  auto& tables = resized ? built.source.computed : built.source.fallback;
  tables["pos_embed.weight"] =
      SincosPositions2d(PositionsOf(dit.image_height / dit.patch, space),
                        PositionsOf(dit.image_width / dit.patch, space), dit.width);
  tables["pos_embed_temporal.weight"] = SincosPositions1d(PositionsOf(dit.frames, time), dit.width);
  built.source.ignored = {"y_embedder.y_embedding"};  // the caption of no caption
  if (resized) built.source.ignored.insert({"pos_embed", "pos_embed_temporal"});
  return built;
}

}  // namespace tmpq
