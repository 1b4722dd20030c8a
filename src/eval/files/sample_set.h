// Samples as files: images, clips or features that any program wrote.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "src/metrics/image_shape.h"
#include "src/metrics/temporal.h"

namespace tmpq {

// An array (n, ...) from a file: (n, d) features or logits, (n, height, width, channels) images or
// spatial features, (n, frames, height, width, channels) clips. All values are finite.
struct SampleSet {
  std::string where;  // names it in errors
  std::vector<int64_t> shape;
  std::vector<float> values;
  bool bytes = false;  // held as 0..255
  // Of this program's own sampling: in [-1, 1] but where a sample overshoots or diverged.
  bool sampled = false;

  int64_t count() const { return shape[0]; }
  int64_t dimensions() const { return static_cast<int64_t>(shape.size()); }
  // Of one image, frame or map: the last three extents.
  ImageShape image() const;
  // Of one sample.
  std::vector<int64_t> sample_shape() const { return {shape.begin() + 1, shape.end()}; }
  ClipShape clip() const { return {shape[1], image()}; }
};

// A folder of PNGs (images, bytes) or a file F.npy. Throws what the readers throw, kUsage for other
// files, kInput for an array of another number of dimensions, an empty one, or values that are not
// finite.
SampleSet LoadSamples(const std::filesystem::path& path);

// Brings images or clips to [-1, 1]: bytes by x / 127.5 - 1, floats as they are. Throws kInput,
// naming the range it found, for floats that lie in [0, 1] or [0, 255] or exceed [-1, 1] by more
// than the overshoot of a sampler that does not clip.
void NormalizeImages(SampleSet& samples);

}  // namespace tmpq
