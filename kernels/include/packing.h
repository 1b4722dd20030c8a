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

// Weights as what they stand for: (float)(q + offset) * scale, one rounding.
struct DequantizeArgs {
  const uint8_t* bytes = nullptr;  // PackedBytes(n, k, 8): q + WeightOffset(bits), unpack_weights
  int64_t n = 0, k = 0;
  int bits = 8;
  const float* scale = nullptr;     // (groups, stride), of the first of the n outputs
  const int32_t* offset = nullptr;  // likewise; null: all 0
  int64_t stride = 0;               // outputs of the whole layer
  int64_t group = 0;                // inputs of a group, a multiple of 4; 0: one group of all
  float* panels = nullptr;          // FloatPanelElements(n, k), as PackFloatPanels
};
static inline void DequantizePanels(const DequantizeArgs& args) {
  static_assert(kGroupInputs == 4, "an output's bytes of a group are one word");
  const uint8_t* bytes = args.bytes;
  float* out = args.panels;
  for (int64_t first = 0; first < args.n; first += kGroupOutputs) {
    const int64_t outputs = args.n - first < kGroupOutputs ? args.n - first : kGroupOutputs;
    for (int64_t input = 0; input < args.k; input += kGroupInputs, bytes += kGroupValues) {
      const int64_t at = (args.group > 0 ? input / args.group * args.stride : 0) + first;
      float scale[kGroupOutputs] = {};
      int32_t offset[kGroupOutputs] = {};
      memcpy(scale, args.scale + at, static_cast<size_t>(outputs) * sizeof(float));
      if (args.offset != nullptr)
        memcpy(offset, args.offset + at, static_cast<size_t>(outputs) * sizeof(int32_t));
      uint32_t words[kGroupOutputs];
      memcpy(words, bytes, sizeof(words));
      const int64_t inputs = args.k - input < kGroupInputs ? args.k - input : kGroupInputs;
      for (int64_t j = 0; j < inputs; ++j, out += kGroupOutputs) {
        for (int i = 0; i < kGroupOutputs; ++i) {
          const int value = static_cast<int>(words[i] >> (8 * j) & 255) - WeightOffset(args.bits);
          out[i] = static_cast<float>(value + offset[i]) * scale[i];
        }
      }
    }
  }
}

}  // namespace tmpq::kernels
