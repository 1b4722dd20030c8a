// Arrays in the emulated device's memory, and launches under several schedules.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/cuda/activations.h"
#include "kernels/emulation/launch.h"
#include "tests/kernels/kernel_values.h"

namespace tmpq::gpu {

// Memory of one test's launches.
class DeviceMemory {
 public:
  template <typename T>
  T* Copy(const std::vector<T>& values) {
    T* begin = Empty<T>(static_cast<int64_t>(values.size()));
    std::copy(values.begin(), values.end(), begin);
    const auto bytes = static_cast<int64_t>(values.size() * sizeof(T));
    if (bytes > 0) memory_.Find(begin, bytes)->MarkWritten(begin, bytes);
    return begin;
  }
  // Reading it before a kernel wrote it is a finding.
  template <typename T>
  T* Empty(int64_t count) {
    return static_cast<T*>(memory_.Allocate(count * static_cast<int64_t>(sizeof(T))));
  }
  // Values rounded to what is stored.
  Activations CopyActivations(const std::vector<float>& values, Storage storage) {
    if (storage == Storage::kFloat32) return FloatsAt(Copy(values));
    return {Copy(BitsOf(values, storage)), storage};
  }
  Activations EmptyActivations(int64_t count, Storage storage) {
    return {Empty<uint8_t>(count * kernels::BytesOf(storage)), storage};
  }
  static std::vector<uint16_t> BitsOf(const std::vector<float>& values, Storage storage) {
    std::vector<uint16_t> bits;
    for (const float value : values) bits.push_back(kernels::BitsOf(storage, value));
    return bits;
  }
  emulation::GlobalMemory* memory() { return &memory_; }

 private:
  emulation::GlobalMemory memory_;
};

template <typename T>
std::vector<T> Read(const T* values, int64_t count) {
  return std::vector<T>(values, values + count);
}

template <typename T>
void ExpectBytes(const std::vector<T>& expected, const T* actual, const std::string& what) {
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(std::memcmp(&expected[i], actual + i, sizeof(T)), 0)
        << what << ": element " << i << " is " << +actual[i] << ", not " << +expected[i];
  }
}

// `expected` rounded to what is stored.
inline void ExpectBytes(const std::vector<float>& expected, const Activations& actual,
                        const std::string& what) {
  if (actual.storage == Storage::kFloat32)
    return ExpectBytes(expected, static_cast<const float*>(actual.data), what);
  ExpectBytes(DeviceMemory::BitsOf(expected, actual.storage),
              static_cast<const uint16_t*>(actual.data), what);
}

inline int64_t Tiles(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

}  // namespace tmpq::gpu
