#include "src/metrics/preprocessing.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr int64_t kMostAspect = 100;  // of pictures that are cut out

ImageShape ImageOf(const Shape& shape) {
  const size_t rank = shape.size();
  return {shape[rank - 3], shape[rank - 2], shape[rank - 1]};
}

bool SameSides(const ImageShape& a, const ImageShape& b) {
  return a.height == b.height && a.width == b.width;
}

void Limit(PictureValues kind, std::vector<float>& values) {
  if (kind == PictureValues::kFloats) return;
  for (float& value : values) {
    value = kind == PictureValues::kBytes ? static_cast<float>(NearestByteValue(value))
                                          : std::clamp(value, -1.0f, 1.0f);
  }
}

std::vector<float> Centre(std::span<const float> images, const ImageShape& from, int64_t height,
                          int64_t width) {
  const int64_t count = static_cast<int64_t>(images.size()) / from.elements();
  const int64_t top = (from.height - height) / 2, left = (from.width - width) / 2;
  std::vector<float> out;
  out.reserve(count * height * width * from.channels);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t y = top; y < top + height; ++y) {
      const auto row = images.begin() + ((i * from.height + y) * from.width + left) * from.channels;
      out.insert(out.end(), row, row + width * from.channels);
    }
  }
  return out;
}

// Images of `from` to the sides of `to`.
std::vector<float> Fit(const Preprocessing& p, std::span<const float> images, ImageShape from,
                       const ImageShape& to) {
  const PassValues pass =
      p.values == PictureValues::kBytes ? PassValues::kBytes : PassValues::kFloats;
  if (p.shorter_side == 0) return ResizeImages(images, from, to.height, to.width, *p.filter, pass);
  const int64_t shorter = std::min(from.height, from.width);
  const ImageShape resized{from.height * p.shorter_side / shorter,
                           from.width * p.shorter_side / shorter, from.channels};
  if (SameSides(from, resized)) return Centre(images, from, to.height, to.width);
  return Centre(ResizeImages(images, from, resized.height, resized.width, *p.filter, pass), resized,
                to.height, to.width);
}

// [-1, 1] as the network's numbers, one channel repeated where it wants more.
std::vector<float> Normalize(const Preprocessing& p, const std::vector<float>& values,
                             int64_t channels, int64_t wanted) {
  if (p.mean.empty() && channels == wanted) return values;
  std::vector<float> out(values.size() / channels * wanted);
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t channel = i % wanted;
    const float value = values[channels == wanted ? i : i / wanted];
    out[i] = p.mean.empty()
                 ? value
                 : static_cast<float>(((value + 1.0) / 2 - p.mean[channel]) / p.deviation[channel]);
  }
  return out;
}

}  // namespace

Json ToJson(const Preprocessing& p) {
  const char* values[] = {"floats", "clipped", "bytes"};
  return {{"filter", p.filter.has_value() ? NameOf(*p.filter) : "none"},
          {"shorter_side", p.shorter_side},
          {"values", values[static_cast<int>(p.values)]},
          {"mean", p.mean},
          {"deviation", p.deviation}};
}

void CheckPreprocessing(const Preprocessing& preprocessing, const Shape& from, const Shape& to,
                        const std::string& where) {
  const auto fail = [&](const std::string& what) {
    throw Error(ErrorCode::kInput, where, "does not take samples of " + ShapeText(from), what);
  };
  const std::string wanted = "it takes " + ShapeText(to);
  if (from.size() != to.size()) {
    fail(wanted + (to.size() > 3 ? ": clips, frame by frame" : ": single images, no clips"));
  }
  if (from.size() > 3 && from[0] != to[0]) {
    fail(wanted + ": clips of " + std::to_string(to[0]) + " frames");
  }
  if (from.back() != to.back() && from.back() != 1) {
    fail(wanted + "; only a single channel can be repeated");
  }
  const ImageShape image = ImageOf(from);
  const int64_t shorter = std::min(image.height, image.width),
                longer = std::max(image.height, image.width);
  if (preprocessing.shorter_side > 0 && longer > kMostAspect * shorter) {
    fail("a side is more than " + std::to_string(kMostAspect) + " times the other");
  }
  if (!preprocessing.filter.has_value() && !SameSides(ImageOf(from), ImageOf(to))) {
    fail(wanted + ", and no other size");
  }
}

std::vector<float> Preprocess(const Preprocessing& preprocessing, std::span<const float> samples,
                              const Shape& from, const Shape& to) {
  const ImageShape image = ImageOf(from), target = ImageOf(to);
  std::vector<float> values(samples.begin(), samples.end());
  Limit(preprocessing.values, values);
  if (preprocessing.shorter_side > 0 || !SameSides(image, target)) {
    values = Fit(preprocessing, values, image, target);
    Limit(preprocessing.values, values);
  }
  return Normalize(preprocessing, values, image.channels, target.channels);
}

}  // namespace tmpq
