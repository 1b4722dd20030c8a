// What activations are stored as between two nodes of a network, for host and device
// (docs/numerics.md). The one definition of rounding to 16 bits, and of those bits.
#pragma once

#include "kernels/include/numerics.h"

namespace tmpq::kernels {

enum class Storage : int { kFloat32, kFloat16, kBfloat16 };
constexpr int kStorageCount = 3;

TMPQ_HOST_DEVICE static inline int BytesOf(Storage storage) {
  return storage == Storage::kFloat32 ? 4 : 2;
}

constexpr int32_t kInfinityBits = 0x7f800000, kNanBits = 0x7fc00000;

// The nearest IEEE half, ties to even: infinity from 65520 on, multiples of 2^-24 below 2^-14.
// Every NaN becomes one.
TMPQ_HOST_DEVICE static inline float RoundToFloat16(float x) {
  const uint32_t bits = (uint32_t)BitsOfFloat(x), sign = bits & 0x80000000u;
  const uint32_t magnitude = bits ^ sign;
  // Floats from 1/2 to 1 are multiples of 2^-24 as well.
  const float subnormal = (FloatOfBits((int32_t)magnitude) + 0.5f) - 0.5f;
  const uint32_t rounded = (magnitude + 0xfffu + (magnitude >> 13 & 1u)) & ~0x1fffu;
  const uint32_t normal = rounded < 0x47800000u ? rounded : (uint32_t)kInfinityBits;
  const uint32_t result = magnitude < 0x38800000u ? (uint32_t)BitsOfFloat(subnormal) : normal;
  return FloatOfBits((int32_t)(magnitude > (uint32_t)kInfinityBits ? kNanBits : (result | sign)));
}

// The nearest float whose last 16 bits are 0, ties to even. Every NaN becomes one.
TMPQ_HOST_DEVICE static inline float RoundToBfloat16(float x) {
  const uint32_t bits = (uint32_t)BitsOfFloat(x);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  return FloatOfBits((int32_t)(x == x ? rounded : (uint32_t)kNanBits));
}

TMPQ_HOST_DEVICE static inline float RoundTo(Storage storage, float x) {
  return storage == Storage::kFloat16    ? RoundToFloat16(x)
         : storage == Storage::kBfloat16 ? RoundToBfloat16(x)
                                         : x;
}

// The 16 bits of x, rounded to `storage`, which is not kFloat32.
TMPQ_HOST_DEVICE static inline uint16_t BitsOf(Storage storage, float x) {
  const uint32_t bits = (uint32_t)BitsOfFloat(RoundTo(storage, x));
  if (storage == Storage::kBfloat16) return (uint16_t)(bits >> 16);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude < 0x38800000u) {
    return (uint16_t)(sign | (uint32_t)(FloatOfBits((int32_t)magnitude) * 16777216.0f));
  }
  if (magnitude >= (uint32_t)kInfinityBits) {
    return (uint16_t)(sign | (magnitude > (uint32_t)kInfinityBits ? 0x7e00u : 0x7c00u));
  }
  return (uint16_t)(sign | (magnitude - 0x38000000u) >> 13);
}

// The value of 16 bits of `storage`, which is not kFloat32.
TMPQ_HOST_DEVICE static inline float FloatOf(Storage storage, uint16_t bits) {
  const uint32_t whole = bits;
  if (storage == Storage::kBfloat16) return FloatOfBits((int32_t)(whole << 16));
  const uint32_t sign = (whole & 0x8000u) << 16, magnitude = whole & 0x7fffu;
  const uint32_t normal = (magnitude << 13) + 0x38000000u;
  const uint32_t special = magnitude == 0x7c00u ? (uint32_t)kInfinityBits : (uint32_t)kNanBits;
  const auto subnormal = (uint32_t)BitsOfFloat((float)magnitude * 5.9604644775390625e-8f);
  const uint32_t result = magnitude < 0x0400u ? subnormal : magnitude < 0x7c00u ? normal : special;
  return FloatOfBits((int32_t)(result | sign));
}

}  // namespace tmpq::kernels
