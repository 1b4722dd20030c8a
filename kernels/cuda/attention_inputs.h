// Queries, keys and values to integers, laid out as kernels/cuda/attention.h reads them.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/rows.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

// Keys that attention multiplies at a time; keys and values are padded to it.
constexpr int kKeyTile = 64;

TMPQ_HOST_DEVICE inline int64_t PaddedKeys(int64_t keys) {
  return (keys + kKeyTile - 1) / kKeyTile * kKeyTile;
}

// Queries or keys: one scale a token and head. x is (groups, tokens, heads d), rows at x_stride.
struct QuantizeHeadsParams {
  Activations x;
  int64_t groups = 0, tokens = 0, heads = 0, d = 0, x_stride = 0;
  int bits = 8;
  int64_t padded_d = 0, padded_tokens = 0;
  int8_t* q = nullptr;     // (groups, heads, padded_tokens, padded_d), padding 0
  float* scale = nullptr;  // (groups, heads, padded_tokens), padding 0
};

// A warp a token and head; blocks over groups x padded tokens x heads / 4.
struct QuantizeHeadsKernel {
  using Params = QuantizeHeadsParams;
  static constexpr int kWarps = 4, kThreads = 32 * kWarps, kMaxPerLane = 4;
  static constexpr const char* kName = "quantize_heads";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t index = static_cast<int64_t>(BlockX()) * kWarps + Warp();
    const int64_t head = index % p.heads, token = index / p.heads % p.padded_tokens;
    const int64_t group = index / p.heads / p.padded_tokens;
    if (group >= p.groups) return;
    const int64_t x = (group * p.tokens + token) * p.x_stride + head * p.d;
    float values[kMaxPerLane], most = 0;
    TMPQ_UNROLL
    for (int j = 0; j < kMaxPerLane; ++j) {
      const int i = j * 32 + Lane();
      values[j] = p.x.LoadIf(token < p.tokens && i < p.d, x + i);
      const float a = fabsf(values[j]);
      most = a > most ? a : most;
    }
    const int qmax = kernels::QMax(p.bits);
    const kernels::RowScale scale = kernels::ScaleOf(MaxOfLanes(most), qmax);
    const int64_t row = (group * p.heads + head) * p.padded_tokens + token;
    TMPQ_UNROLL
    for (int j = 0; j < kMaxPerLane; ++j) {
      const int i = j * 32 + Lane();
      StoreGlobalIf(i < p.padded_d, p.q + row * p.padded_d + i,
                    kernels::QuantizeValue(values[j], scale.inverse, qmax));
    }
    StoreGlobalIf(Lane() == 0, p.scale + row, scale.scale);
  }
};

// Values: one scale a channel over the keys; transposed, and the keys of every 16 in the order in
// which a lane holds probabilities after the scores' product:
// byte 4 t + j of 16 is key 8 (j / 2) + 2 t + j % 2.
struct QuantizeValuesParams {
  Activations x;  // (groups, keys, heads d), rows at x_stride
  int64_t groups = 0, keys = 0, heads = 0, d = 0, x_stride = 0;
  int bits = 8;
  int64_t padded_d = 0;
  int8_t* q = nullptr;     // (groups, heads, padded_d, PaddedKeys(keys)), padding 0
  float* scale = nullptr;  // (groups, heads, padded_d), padding 0
};

// Blocks: (padded_d / 32, heads, groups). A lane a channel; warps share the keys.
struct QuantizeValuesKernel {
  using Params = QuantizeValuesParams;
  static constexpr int kWarps = 4, kThreads = 32 * kWarps;
  static constexpr const char* kName = "quantize_values";
  static constexpr int kTileWords = 32, kTileStride = 4 * (kTileWords + 1);  // of a channel
  static constexpr int kSharedBytes = 32 * kTileStride + kWarps * 128;

  TMPQ_DEVICE static float ChannelMax(const Params& p, int64_t x, bool inside) {
    constexpr uint32_t kMaxima = 32 * kTileStride;
    float most = 0;
    for (int64_t key = Warp(); key < p.keys; key += kWarps) {
      const float a = fabsf(p.x.LoadIf(inside, x + key * p.x_stride));
      most = a > most ? a : most;
    }
    StoreShared(kMaxima + Warp() * 128 + Lane() * 4, most);
    SyncThreads();
    for (int warp = 0; warp < kWarps; ++warp) {
      const float other = LoadShared<float>(kMaxima + warp * 128 + Lane() * 4);
      most = other > most ? other : most;
    }
    return most;
  }

  TMPQ_DEVICE static uint32_t PackKeys(const Params& p, int64_t x, bool inside, int64_t word,
                                       float inverse, int qmax) {
    uint32_t packed = 0;
    TMPQ_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int64_t key = word / 4 * 16 + j / 2 * 8 + word % 4 * 2 + j % 2;
      const float value = p.x.LoadIf(inside && key < p.keys, x + key * p.x_stride);
      const int8_t q = kernels::QuantizeValue(value, inverse, qmax);
      packed |= static_cast<uint32_t>(static_cast<uint8_t>(q)) << (8 * j);
    }
    return packed;
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t head = BlockY(), group = BlockZ();
    const int64_t first_channel = static_cast<int64_t>(BlockX()) * 32;
    const int64_t channel = first_channel + Lane(), row = (group * p.heads + head) * p.padded_d;
    const bool inside = channel < p.d;
    const int64_t x = group * p.keys * p.x_stride + head * p.d + channel;
    const int qmax = kernels::QMax(p.bits);
    const kernels::RowScale scale = kernels::ScaleOf(ChannelMax(p, x, inside), qmax);
    StoreGlobalIf(Warp() == 0, p.scale + row + channel, scale.scale);
    const int64_t words = PaddedKeys(p.keys) / 4;
    for (int64_t first = 0; first < words; first += kTileWords) {
      for (int word = Warp(); word < kTileWords; word += kWarps) {
        StoreShared(Lane() * kTileStride + word * 4,
                    PackKeys(p, x, inside, first + word, scale.inverse, qmax));
      }
      SyncThreads();
      auto* out = reinterpret_cast<uint32_t*>(p.q);
      for (int i = Warp(); i < 32; i += kWarps) {
        StoreGlobalIf(first + Lane() < words,
                      out + (row + first_channel + i) * words + first + Lane(),
                      LoadShared<uint32_t>(i * kTileStride + Lane() * 4));
      }
      SyncThreads();
    }
  }
};

}  // namespace tmpq::gpu
