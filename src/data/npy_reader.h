// NumPy arrays from files: what other tools write their samples and features in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace tmpq {

// An array in C order. Bytes and doubles are held as floats, `bytes` tells which they were.
struct NpyArray {
  std::vector<int64_t> shape;
  std::vector<float> values;
  bool bytes = false;

  int64_t elements() const { return static_cast<int64_t>(values.size()); }
};

// Reads NumPy format 1.0 to 3.0 with elements <f4, <f8 (rounded to float32) or |u1. Throws kIo
// (missing), kCorrupt (not an NPY file, truncated, more bytes than the shape says) or kInput
// (Fortran order, other element types), naming the file and what would be right.
NpyArray ReadNpy(const std::filesystem::path& path);

}  // namespace tmpq
