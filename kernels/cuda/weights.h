// Packed weights as the CUDA products read them, for host and device.
//
// A matrix q (N outputs, K inputs) of b-bit integers is cut into tiles of 16 outputs x 64 inputs,
// stored [ceil(N / 16)][ceil(K / 64)], 128 b bytes each; padding holds 0. A tile holds, for each of
// a warp's 32 lanes, the eight registers that mma.m16n8k32 takes as its second operand: register
//   r = 4 step + 2 half + part,  byte j:  q[8 half + lane / 4][32 step + 16 part + 4 (lane % 4) +
//   j]
// so a lane loads its own registers, without ldmatrix and without bank conflicts.
//
// A value is held in the high bits of its byte, q 2^(8-b): products are exact multiples of 2^(8-b),
// and no sign has to be extended. Those b bits are cut into fields of 8, 4, 2 or 1 bits, each width
// at most once, the widest at the top. A tile stores its fields one after another:
//   8 bits, 1024 bytes: two vectors of 16 bytes a lane (512 bytes apart), registers 0-3 and 4-7
//   4 bits,  512 bytes: 16 bytes a lane; word w has register 2 w + i in bits 4 i of each byte
//   2 bits,  256 bytes:  8 bytes a lane; word w has register 4 w + i in bits 2 i of each byte
//   1 bit,   128 bytes:  4 bytes a lane; register i in bit i of each byte
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/cuda/device.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

constexpr int kTileOutputs = 16, kTileInputs = 64, kTileRegisters = 8;

TMPQ_HOST_DEVICE constexpr int TileBytes(int bits) { return kTileOutputs * kTileInputs / 8 * bits; }

inline int64_t DeviceWeightBytes(int64_t n, int64_t k, int bits) {
  return (n + kTileOutputs - 1) / kTileOutputs * ((k + kTileInputs - 1) / kTileInputs) *
         TileBytes(bits);
}

// Where the byte of (output, input) of a tile is: its lane, register and byte.
struct TilePlace {
  int lane, reg, byte;
};
TMPQ_HOST_DEVICE inline TilePlace PlaceInTile(int output, int input) {
  return {output % 8 * 4 + input % 16 / 4, input / 32 * 4 + output / 8 * 2 + input / 16 % 2,
          input % 4};
}

// Calls visit(field width, lowest bit of the field in the byte, offset in the tile).
template <typename Visit>
inline void ForEachTileField(int bits, Visit visit) {
  int top = 8, offset = 0;
  for (int width = 8; width >= 1; width /= 2) {
    if ((bits & width) == 0) continue;
    visit(width, top - width, offset);
    top -= width;
    offset += TileBytes(width);
  }
}

// Where a register's field is: byte offset within the field's part, and bit in each byte.
struct FieldPlace {
  int offset, bit;
};
TMPQ_HOST_DEVICE inline FieldPlace PlaceOfField(int width, int lane, int reg, int byte) {
  const int per_word = 8 / width, words = width < 4 ? width : 4, word = reg / per_word;
  return {word / 4 * 512 + lane * words * 4 + word % 4 * 4 + byte, reg % per_word * width};
}

// q (rows, k) of at most 4 bits -> (rows, (k + 1) / 2), the first of two in the low bits.
inline void PackNibbles(const int8_t* q, int64_t rows, int64_t k, int8_t* out) {
  for (int64_t row = 0; row < rows; ++row, q += k) {
    for (int64_t i = 0; i < k; i += 2) {
      const int high = i + 1 < k ? q[i + 1] : 0;
      *out++ = static_cast<int8_t>((q[i] & 15) | high << 4);
    }
  }
}

// q (n, k) row-major, values of `bits` -> DeviceWeightBytes. Runs on the host.
inline void ReshuffleWeights(const int8_t* q, int64_t n, int64_t k, int bits, uint8_t* out) {
  const int64_t k_tiles = (k + kTileInputs - 1) / kTileInputs;
  memset(out, 0, static_cast<size_t>(DeviceWeightBytes(n, k, bits)));
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column < k; ++column) {
      uint8_t* tile = out + (row / kTileOutputs * k_tiles + column / kTileInputs) * TileBytes(bits);
      const TilePlace place =
          PlaceInTile(static_cast<int>(row % kTileOutputs), static_cast<int>(column % kTileInputs));
      const int value = static_cast<uint8_t>(q[row * k + column] << (8 - bits));
      ForEachTileField(bits, [&](int width, int low, int offset) {
        const FieldPlace field = PlaceOfField(width, place.lane, place.reg, place.byte);
        const int part = value >> low & ((1 << width) - 1);
        uint8_t& byte = tile[offset + field.offset];
        byte = static_cast<uint8_t>(byte | part << field.bit);
      });
    }
  }
}

// Moves the fields of `width` bits at bit `from` of every byte to bit `to`; others become 0.
template <int width>
TMPQ_DEVICE uint32_t MoveField(uint32_t word, int from, int to) {
  const uint32_t mask = ((1u << width) - 1u) * 0x01010101u;
  return (to >= from ? word << (to - from) : word >> (from - to)) & (mask << to);
}

// One lane's registers of a tile at `offset` of shared memory.
template <int kBits>
TMPQ_DEVICE void LoadTile(uint32_t offset, int lane, uint32_t regs[kTileRegisters]) {
  constexpr int kLow4 = 4, kLow2 = (kBits & 4) ? 2 : 6, kLow1 = 7 - (kBits & 6);
  if constexpr (kBits == 8) {
    TMPQ_UNROLL
    for (int half = 0; half < 2; ++half) {
      const Words4 words = LoadShared<Words4>(offset + half * 512 + lane * 16);
      TMPQ_UNROLL
      for (int i = 0; i < 4; ++i) regs[half * 4 + i] = words.v[i];
    }
  } else {
    TMPQ_UNROLL
    for (int i = 0; i < kTileRegisters; ++i) regs[i] = 0;
  }
  if constexpr ((kBits & 4) != 0) {
    const Words4 words = LoadShared<Words4>(offset + lane * 16);
    TMPQ_UNROLL
    for (int i = 0; i < kTileRegisters; ++i)
      regs[i] |= MoveField<4>(words.v[i / 2], i % 2 * 4, kLow4);
    offset += TileBytes(4);
  }
  if constexpr ((kBits & 2) != 0) {
    const Words2 words = LoadShared<Words2>(offset + lane * 8);
    TMPQ_UNROLL
    for (int i = 0; i < kTileRegisters; ++i)
      regs[i] |= MoveField<2>(words.v[i / 4], i % 4 * 2, kLow2);
    offset += TileBytes(2);
  }
  if constexpr ((kBits & 1) != 0) {
    const uint32_t word = LoadShared<uint32_t>(offset + lane * 4);
    TMPQ_UNROLL
    for (int i = 0; i < kTileRegisters; ++i) regs[i] |= MoveField<1>(word, i, kLow1);
  }
}

}  // namespace tmpq::gpu
