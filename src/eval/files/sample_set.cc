#include "src/eval/files/sample_set.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "src/core/error.h"
#include "src/data/npy_reader.h"
#include "src/data/png_reader.h"
#include "src/graph/graph.h"

namespace tmpq {
namespace {

// Samplers that do not clip end some tenths outside [-1, 1]; arrays normalised for ImageNet reach
// 2.6.
constexpr float kLargest = 2.0f;

std::string Text(float value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

void CheckShape(const SampleSet& samples) {
  const int64_t dimensions = samples.dimensions();
  if (dimensions != 2 && dimensions != 4 && dimensions != 5) {
    throw Error(ErrorCode::kInput, samples.where, "has the shape " + ShapeText(samples.shape),
                "(n, d) features, (n, height, width, channels) images or "
                "(n, frames, height, width, channels) clips");
  }
  if (samples.values.empty()) {
    throw Error(ErrorCode::kInput, samples.where, "is empty: " + ShapeText(samples.shape));
  }
}

void CheckFinite(const SampleSet& samples) {
  const auto broken = std::find_if(samples.values.begin(), samples.values.end(),
                                   [](float value) { return !std::isfinite(value); });
  if (broken == samples.values.end()) return;
  const int64_t elements = static_cast<int64_t>(samples.values.size()) / samples.count();
  throw Error(ErrorCode::kInput, samples.where,
              "holds " + Text(*broken) + " in sample " +
                  std::to_string((broken - samples.values.begin()) / elements),
              "all values must be finite");
}

}  // namespace

ImageShape SampleSet::image() const {
  const size_t last = shape.size();
  return {shape[last - 3], shape[last - 2], shape[last - 1]};
}

SampleSet LoadSamples(const std::filesystem::path& path) {
  SampleSet samples;
  samples.where = path.string();
  if (std::filesystem::is_directory(path)) {
    const ByteImages images = ReadPngFolder(path);
    samples.shape = {images.count, images.height, images.width, images.channels};
    samples.values.assign(images.pixels.begin(), images.pixels.end());
    samples.bytes = true;
    return samples;
  }
  if (path.extension() != ".npy") {
    throw Error(std::filesystem::exists(path) ? ErrorCode::kUsage : ErrorCode::kIo, samples.where,
                std::filesystem::exists(path) ? "is no sample file" : "does not exist",
                "a folder of PNGs or a file F.npy");
  }
  NpyArray array = ReadNpy(path);
  samples.shape = std::move(array.shape);
  samples.values = std::move(array.values);
  samples.bytes = array.bytes;
  CheckShape(samples);
  CheckFinite(samples);
  return samples;
}

void NormalizeImages(SampleSet& samples) {
  if (samples.sampled) return;
  if (samples.bytes) {
    for (float& value : samples.values) value = value / 127.5f - 1.0f;
    samples.bytes = false;
    return;
  }
  const auto [least, most] = std::minmax_element(samples.values.begin(), samples.values.end());
  const std::string found = "floats from " + Text(*least) + " to " + Text(*most);
  if (*least >= 0.0f && *most > kLargest) {
    throw Error(ErrorCode::kInput, samples.where, "holds " + found + ", as bytes [0, 255] have",
                "uint8, or floats in [-1, 1]: x / 127.5 - 1");
  }
  if (*least >= 0.0f) {
    throw Error(ErrorCode::kInput, samples.where, "holds " + found + ", which is the range [0, 1]",
                "uint8, or floats in [-1, 1]: 2 x - 1");
  }
  if (*least < -kLargest || *most > kLargest) {
    throw Error(ErrorCode::kInput, samples.where, "holds " + found,
                "images are uint8, or floats in [-1, 1]");
  }
}

}  // namespace tmpq
