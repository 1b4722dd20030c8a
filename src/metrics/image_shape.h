// The shape of one image or frame of an array, channels last.
#pragma once

#include <cstdint>

namespace tmpq {

struct ImageShape {
  int64_t height = 0, width = 0, channels = 0;

  int64_t elements() const { return height * width * channels; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace tmpq
