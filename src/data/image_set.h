// Labelled image sets in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace tmpq {

// Images as floats in [-1, 1], (count, height, width, channels).
struct ImageSet {
  int64_t count = 0, height = 0, width = 0, channels = 1;
  std::vector<float> pixels;
  std::vector<int32_t> labels;

  int64_t image_elements() const { return height * width * channels; }
  const float* image(int64_t i) const { return pixels.data() + i * image_elements(); }
};

enum class Split { kTrain, kTest };

// Reads Fashion-MNIST (Xiao et al., arXiv 1708.07747; MIT licence) from the IDX files in `folder`,
// which Debian's package dataset-fashion-mnist puts into /usr/share/datasets/fashion-mnist. Throws
// kIo or kCorrupt.
ImageSet LoadFashionMnist(const std::filesystem::path& folder, Split split);

}  // namespace tmpq
