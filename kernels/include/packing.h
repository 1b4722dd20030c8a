// The one definition of packed weights.
//
// Logical matrix q[N outputs][K inputs] with values in [-QMax(bits), QMax(bits)], bits 2..8. Stored
// in groups of 16 outputs x 4 inputs, 64 values with index i = 4 (n mod 16) + k mod 4, one operand
// of an int8 dot-product instruction; groups follow each other as [ceil(N / 16)][ceil(K / 4)].
// Padding holds the value 0.
//
// A value is stored as u = q + 2^(bits-1). u is cut into fields of 8, 4, 2 or 1 bits, each width at
// most once, widest first and taking the lowest bits (7 = 4 + 2 + 1: bits 0-3, 4-5, 6). A group
// stores its fields one after another, 8 * bits bytes in all:
//   8 bits, 64 bytes: byte i is value i.
//   4 bits, 32 bytes: byte j holds values j and j + 32 in bits 0-3 and 4-7.
//   2 bits, 16 bytes: byte j holds values j, j + 16, j + 32, j + 48 in bits 0-1, 2-3, 4-5, 6-7.
//   1 bit,   8 bytes: bit b of byte j is value 8 j + b.
#pragma once

#include <stdint.h>
#include <string.h>

namespace tmpq::kernels {

constexpr int kGroupOutputs = 16;
constexpr int kGroupInputs = 4;
constexpr int kGroupValues = kGroupOutputs * kGroupInputs;

static inline int64_t GroupsOfOutputs(int64_t n) { return (n + kGroupOutputs - 1) / kGroupOutputs; }
static inline int64_t GroupsOfInputs(int64_t k) { return (k + kGroupInputs - 1) / kGroupInputs; }

// What is added to a value so that it is stored without a sign.
static inline int WeightOffset(int bits) { return 1 << (bits - 1); }

// Bytes of a packed matrix.
static inline int64_t PackedBytes(int64_t n, int64_t k, int bits) {
  return GroupsOfOutputs(n) * GroupsOfInputs(k) * kGroupValues / 8 * bits;
}

// Calls visit(field width, lowest bit of u in this field) in storage order.
template <typename Visit>
static inline void ForEachField(int bits, Visit visit) {
  int shift = 0;
  for (int width = 8; width >= 1; width /= 2) {
    if ((bits & width) == 0) continue;
    visit(width, shift);
    shift += width;
  }
}

// Unsigned values of one group -> 8 * bits bytes.
static inline void PackGroup(const uint8_t values[kGroupValues], int bits, uint8_t* out) {
  memset(out, 0, static_cast<size_t>(kGroupValues / 8 * bits));
  ForEachField(bits, [&](int width, int shift) {
    const int mask = (1 << width) - 1;
    const int bytes = kGroupValues * width / 8;
    for (int i = 0; i < kGroupValues; ++i) {
      const int part = values[i] >> shift & mask;
      const int at = width == 1 ? i / 8 : i % bytes;
      const int bit = width == 1 ? i % 8 : i / bytes * width;
      out[at] = static_cast<uint8_t>(out[at] | part << bit);
    }
    out += bytes;
  });
}

// Inverse of PackGroup.
static inline void UnpackGroup(const uint8_t* packed, int bits, uint8_t values[kGroupValues]) {
  memset(values, 0, kGroupValues);
  ForEachField(bits, [&](int width, int shift) {
    const int mask = (1 << width) - 1;
    const int bytes = kGroupValues * width / 8;
    for (int i = 0; i < kGroupValues; ++i) {
      const int at = width == 1 ? i / 8 : i % bytes;
      const int bit = width == 1 ? i % 8 : i / bytes * width;
      values[i] = static_cast<uint8_t>(values[i] | (packed[at] >> bit & mask) << shift);
    }
    packed += bytes;
  });
}

// q (N, K) row-major -> PackedBytes(n, k, bits) bytes.
static inline void PackWeights(const int8_t* q, int64_t n, int64_t k, int bits, uint8_t* out) {
  const int64_t group_bytes = kGroupValues / 8 * bits;
  uint8_t values[kGroupValues];
  for (int64_t gn = 0; gn < GroupsOfOutputs(n); ++gn) {
    for (int64_t gk = 0; gk < GroupsOfInputs(k); ++gk, out += group_bytes) {
      for (int i = 0; i < kGroupValues; ++i) {
        const int64_t row = gn * kGroupOutputs + i / kGroupInputs,
                      column = gk * kGroupInputs + i % kGroupInputs;
        const int value = row < n && column < k ? q[row * k + column] : 0;
        values[i] = static_cast<uint8_t>(value + WeightOffset(bits));
      }
      PackGroup(values, bits, out);
    }
  }
}

// Inverse of PackWeights.
static inline void UnpackWeights(const uint8_t* packed, int64_t n, int64_t k, int bits, int8_t* q) {
  const int64_t group_bytes = kGroupValues / 8 * bits;
  uint8_t values[kGroupValues];
  for (int64_t gn = 0; gn < GroupsOfOutputs(n); ++gn) {
    for (int64_t gk = 0; gk < GroupsOfInputs(k); ++gk, packed += group_bytes) {
      UnpackGroup(packed, bits, values);
      for (int i = 0; i < kGroupValues; ++i) {
        const int64_t row = gn * kGroupOutputs + i / kGroupInputs,
                      column = gk * kGroupInputs + i % kGroupInputs;
        if (row < n && column < k) {
          q[row * k + column] =
              static_cast<int8_t>(static_cast<int>(values[i]) - WeightOffset(bits));
        }
      }
    }
  }
}

// Nested storage: a lower bit-width holds the values of a higher one, halved once a bit, ties to
// even, and clamped; the same whatever width they come from.
static inline int NarrowValue(int q, int from_bits, int to_bits) {
  for (int bits = from_bits; bits > to_bits; --bits) {
    const int most = (1 << (bits - 2)) - 1;
    q = (q + (q >> 1 & 1)) >> 1;
    q = q > most ? most : q < -most ? -most : q;
  }
  return q;
}

// Float weights (N, K) row-major -> [ceil(N / 16)][K][16] with zero padding: vector code runs over
// outputs.
static inline int64_t FloatPanelElements(int64_t n, int64_t k) {
  return GroupsOfOutputs(n) * kGroupOutputs * k;
}
static inline void PackFloatPanels(const float* w, int64_t n, int64_t k, float* out) {
  for (int64_t gn = 0; gn < GroupsOfOutputs(n); ++gn) {
    for (int64_t column = 0; column < k; ++column) {
      for (int i = 0; i < kGroupOutputs; ++i) {
        const int64_t row = gn * kGroupOutputs + i;
        *out++ = row < n ? w[row * k + column] : 0.0f;
      }
    }
  }
}

}  // namespace tmpq::kernels
