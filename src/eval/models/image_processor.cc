#include "src/eval/models/image_processor.h"

#include <cmath>

#include "src/core/error.h"
#include "src/models/component_config.h"

namespace tmpq {
namespace {

constexpr const char* kProcessorName = "preprocessor_config.json";
constexpr int kPillowBilinear = 2, kPillowBicubic = 3;

// A number of pixels, or an object with the members "height" and "width".
struct Sides {
  int64_t height = 0, width = 0;
};
Sides SidesOf(const ComponentConfig& config, const char* key) {
  if (config.Raw(key).is_number()) return {config.Size(key), config.Size(key)};
  const ComponentConfig sides(config.Get<Json>(key), config.where() + ": " + key);
  return {sides.Size("height"), sides.Size("width")};
}

// The older files' number is the shorter side.
int64_t ShorterSide(const ComponentConfig& config) {
  const Json& size = config.Raw("size");
  if (size.is_number()) return config.Size("size");
  const ComponentConfig sides(config.Get<Json>("size"), config.where() + ": size");
  return sides.Has("shortest_edge") ? sides.Size("shortest_edge") : 0;
}

std::vector<double> PerChannel(const ComponentConfig& config, const char* key, int64_t channels) {
  auto values = config.Get<std::vector<double>>(key);
  bool legal = static_cast<int64_t>(values.size()) == channels;
  for (const double value : values) legal = legal && std::isfinite(value);
  if (!legal) {
    throw Error(ErrorCode::kInput, config.where(), std::string(key) + " has bad values",
                "a number for each of " + std::to_string(channels) + " channels is expected");
  }
  return values;
}

void ReadSizes(const ComponentConfig& config, int64_t height, int64_t width, Preprocessing& p) {
  config.Get<Json>("size");  // names it where it is missing
  p.shorter_side = ShorterSide(config);
  Sides sides;
  if (p.shorter_side == 0) {
    config.Expect("do_center_crop", false);
    sides = SidesOf(config, "size");
  } else {
    config.Expect("do_center_crop", true);
    sides = config.Has("crop_size") ? SidesOf(config, "crop_size")
                                    : Sides{p.shorter_side, p.shorter_side};
    if (p.shorter_side < std::max(sides.height, sides.width)) {
      throw Error(ErrorCode::kUnsupported, config.where(), "cuts out more than it resizes to");
    }
  }
  if (sides.height != height || sides.width != width) {
    throw Error(ErrorCode::kInput, config.where(),
                "makes pictures of " + ShapeText({sides.height, sides.width}),
                "the network beside it takes " + ShapeText({height, width}));
  }
}

}  // namespace

Preprocessing ReadImageProcessor(const std::filesystem::path& folder, const Shape& shape) {
  const auto path = folder / kProcessorName;
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorCode::kIo, path.string(), "is missing",
                "it says how pictures are resized and normalised; save_pretrained of the model's "
                "image processor writes it");
  }
  const ComponentConfig config(path);
  for (const char* always : {"do_resize", "do_rescale", "do_normalize"}) {
    config.Expect(always, true);
  }
  if (std::fabs(config.Get<double>("rescale_factor", 1.0 / 255) * 255 - 1) > 1e-6) {
    throw Error(ErrorCode::kUnsupported, config.where(), "has a rescale_factor other than 1 / 255");
  }
  Preprocessing p;
  p.values = PictureValues::kBytes;
  const int filter = config.Get<int>("resample");
  if (filter != kPillowBicubic) config.Expect("resample", kPillowBilinear);
  p.filter = filter == kPillowBicubic ? ResizeFilter::kBicubic : ResizeFilter::kTriangle;
  ReadSizes(config, shape[shape.size() - 3], shape[shape.size() - 2], p);
  p.mean = PerChannel(config, "image_mean", shape.back());
  p.deviation = PerChannel(config, "image_std", shape.back());
  for (const double deviation : p.deviation) {
    if (deviation <= 0) throw Error(ErrorCode::kInput, config.where(), "image_std is not positive");
  }
  return p;
}

}  // namespace tmpq
