// One folder of tests/fixtures/feature_networks: a network, pictures, and what the reference makes
// of them (tests/fixtures/make_feature_networks.py).
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "src/models/checkpoint.h"

namespace tmpq {

// Of each case with words.
inline const std::vector<std::string> kCaseTexts = {
    "a photo of a cat", "Watercolor of mountains, it's 4k!", "two cats"};

class NetworkCase {
 public:
  explicit NetworkCase(const std::string& name)
      : folder_(std::filesystem::path(TMPQ_SOURCE_DIR) / "tests/fixtures/feature_networks" / name),
        file_(folder_ / "case.safetensors", "") {}

  const std::filesystem::path& folder() const { return folder_; }
  const Checkpoint& file() const { return file_; }

  // Bytes (n, [frames,] channels, height, width) as samples in [-1, 1], channels last, with the
  // shape of one.
  std::pair<std::vector<float>, Shape> Pictures(const std::string& name) const {
    std::vector<float> values;
    for (const int32_t byte : file_.Integers(name)) {
      values.push_back(static_cast<float>(byte) / 127.5f - 1.0f);
    }
    Shape shape = file_.tensors().at(name)->shape;
    values = ChannelsLast(values, shape);
    shape.push_back(shape[shape.size() - 3]);
    shape.erase(shape.end() - 4);
    shape.erase(shape.begin());
    return {std::move(values), std::move(shape)};
  }

  // Floats of the same layout, channels last.
  std::vector<float> Images(const std::string& name) const {
    return ChannelsLast(file_.Floats(name), file_.tensors().at(name)->shape);
  }

 private:
  static std::vector<float> ChannelsLast(const std::vector<float>& values, const Shape& shape) {
    const size_t rank = shape.size();
    const int64_t channels = shape[rank - 3], pixels = shape[rank - 2] * shape[rank - 1];
    std::vector<float> out(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      out[(at / (channels * pixels) * pixels + at % pixels) * channels + at / pixels % channels] =
          values[i];
    }
    return out;
  }

  std::filesystem::path folder_;
  Checkpoint file_;
};

}  // namespace tmpq
