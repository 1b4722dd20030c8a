// Activations in global memory as a plan stores them: floats, or 16 bits of them. Loads give
// floats, stores round.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/include/storage.h"

namespace tmpq::gpu {

using kernels::Storage;

// Indices and offsets count elements.
struct Activations {
  void* data = nullptr;
  Storage storage = Storage::kFloat32;

  TMPQ_HOST_DEVICE bool empty() const { return data == nullptr; }
  TMPQ_HOST_DEVICE Activations operator+(int64_t elements) const {
    return {static_cast<uint8_t*>(data) + elements * kernels::BytesOf(storage), storage};
  }

  // 0 where not valid.
  TMPQ_DEVICE float LoadIf(bool valid, int64_t i) const {
    if (storage == Storage::kFloat32)
      return LoadGlobalIf(valid, static_cast<const float*>(data) + i, 0.0f);
    const auto* bits = static_cast<const uint16_t*>(data) + i;
    return kernels::FloatOf(storage, LoadGlobalIf(valid, bits, uint16_t{0}));
  }
  TMPQ_DEVICE float Load(int64_t i) const { return LoadIf(true, i); }

  TMPQ_DEVICE void StoreIf(bool valid, int64_t i, float value) const {
    if (storage == Storage::kFloat32)
      return StoreGlobalIf(valid, static_cast<float*>(data) + i, value);
    StoreGlobalIf(valid, static_cast<uint16_t*>(data) + i, kernels::BitsOf(storage, value));
  }
  TMPQ_DEVICE void Store(int64_t i, float value) const { StoreIf(true, i, value); }
};

// Floats, which are only read where they are constant.
TMPQ_HOST_DEVICE inline Activations FloatsAt(const float* floats) {
  return {const_cast<float*>(floats), Storage::kFloat32};
}

}  // namespace tmpq::gpu
