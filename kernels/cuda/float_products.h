// Products in float, for what a plan leaves in float, and weights that are integers in memory
// alone: chains of fmaf in order, as the contract says.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/weights.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

// LinearF32Args of kernels/include/kernels.h.
struct LinearF32Params {
  int64_t m = 0, n = 0, k = 0;
  Activations x;  // (m, k) at x_stride
  int64_t x_stride = 0;
  const float* panels = nullptr;  // PackFloatPanels of (n, k)
  const float* bias = nullptr;    // (n) or null
  Activations out;
  int64_t out_stride = 0;
};

// Blocks of 128 outputs (x) and 8 rows (y): a lane a column, rows in shared memory.
struct LinearF32Kernel {
  using Params = LinearF32Params;
  static constexpr int kThreads = 128, kRows = 8, kTileInputs = 32;
  static constexpr const char* kName = "linear_f32";
  static constexpr int kSharedBytes = kRows * kTileInputs * 4;

  TMPQ_DEVICE static void Run(const Params& p) {
    constexpr int kPanel = 16;
    const int64_t column = static_cast<int64_t>(BlockX()) * kThreads + ThreadIndex();
    const int64_t first_row = static_cast<int64_t>(BlockY()) * kRows;
    const bool stored = column / kPanel < (p.n + kPanel - 1) / kPanel;
    const float* panel = p.panels + column / kPanel * kPanel * p.k + column % kPanel;
    float sums[kRows] = {};
    for (int64_t first = 0; first < p.k; first += kTileInputs) {
      SyncThreads();
      for (int i = ThreadIndex(); i < kRows * kTileInputs; i += kThreads) {
        const int64_t row = first_row + i / kTileInputs, input = first + i % kTileInputs;
        StoreShared(i * 4, p.x.LoadIf(row < p.m && input < p.k, row * p.x_stride + input));
      }
      SyncThreads();
      const int64_t left = p.k - first;
      for (int i = 0; i < (left < kTileInputs ? left : kTileInputs); ++i) {
        const float weight = LoadGlobalIf(stored, panel + (first + i) * kPanel, 0.0f);
        TMPQ_UNROLL
        for (int r = 0; r < kRows; ++r)
          sums[r] = fmaf(LoadShared<float>((r * kTileInputs + i) * 4), weight, sums[r]);
      }
    }
    const bool inside = column < p.n;
    const float bias = p.bias == nullptr ? 0.0f : LoadGlobalIf(inside, p.bias + column, 0.0f);
    TMPQ_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const int64_t row = first_row + r;
      p.out.StoreIf(inside && row < p.m, row * p.out_stride + column, sums[r] + bias);
    }
  }
};

// DequantizeArgs of kernels/include/packing.h, from tiles of kernels/cuda/weights.h.
struct DequantizeParams {
  const uint8_t* weights = nullptr;  // DeviceWeightBytes of (n, PaddedInputs(k, group))
  int bits = 8;
  int64_t n = 0, k = 0;
  int64_t group = 0, padded_group = 0;  // inputs of a group: all where there is one; in tiles
  const float* scale = nullptr;         // (groups, n)
  const int32_t* offset = nullptr;      // (groups, n) or null
  float* panels = nullptr;              // PackFloatPanels of (n, k)
};

// A thread a value.
struct DequantizeKernel {
  using Params = DequantizeParams;
  static constexpr int kThreads = 256, kPanel = 16;
  static constexpr const char* kName = "dequantize";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = static_cast<int64_t>(BlockX()) * kThreads + ThreadIndex();
    const int64_t output = i / (kPanel * p.k) * kPanel + i % kPanel, input = i / kPanel % p.k;
    const int64_t group = input / p.group, column = group * p.padded_group + input % p.group;
    const int64_t groups = (p.k + p.group - 1) / p.group;
    const int64_t k_tiles = (groups * p.padded_group + kTileInputs - 1) / kTileInputs;
    const bool inside = output < p.n;
    const uint8_t* part =
        p.weights + (output / kTileOutputs * k_tiles + column / kTileInputs) * TileBytes(p.bits);
    const TilePlace place = PlaceInTile(static_cast<int>(output % kTileOutputs),
                                        static_cast<int>(column % kTileInputs));
    int value = 0, top = 8;
    for (int width = 8; width >= 1; width /= 2) {
      if ((p.bits & width) == 0) continue;
      const FieldPlace field = PlaceOfField(width, place.lane, place.reg, place.byte);
      const int byte = LoadGlobalIf(inside, part + field.offset, uint8_t{0});
      top -= width;
      value |= (byte >> field.bit & ((1 << width) - 1)) << top;
      part += TileBytes(width);
    }
    const int64_t at = group * p.n + output;
    int q = static_cast<int8_t>(value) >> (8 - p.bits);
    if (p.offset != nullptr) q += LoadGlobalIf(inside, p.offset + at, 0);
    const float scale = LoadGlobalIf(inside, p.scale + at, 0.0f);
    const int64_t all = (p.n + kPanel - 1) / kPanel * kPanel * p.k;
    StoreGlobalIf(i < all, p.panels + i, static_cast<float>(q) * scale);
  }
};

// Float attention of AttentionArgs, for samples and groups as kernels/cuda/attention.h.
struct AttentionF32Params {
  int64_t samples = 0, groups = 1, key_groups = 1;
  int64_t queries = 0, keys = 0, heads = 0, d = 0;
  Activations q, k, v;  // (.., tokens, heads d) at their strides
  int64_t q_stride = 0, k_stride = 0, v_stride = 0;
  Activations mask;  // (samples, keys) or empty
  Activations bias;  // (samples, heads, queries, keys) or empty
  float scale = 1;
  bool causal = false;
  Activations out;
  int64_t out_stride = 0;
};

// Blocks: (ceil(queries / 4), heads, samples x groups), a warp a query. Shared memory: 16 bytes a
// key.
struct AttentionF32Kernel {
  using Params = AttentionF32Params;
  static constexpr int kWarps = 4, kThreads = 32 * kWarps;
  static constexpr const char* kName = "attention_f32";

  TMPQ_DEVICE static bool Masked(const Params& p, int64_t sample) {
    bool any = false;
    for (int64_t first = 0; !p.mask.empty() && first < p.keys; first += 32) {
      const int64_t key = first + Lane();
      any = AnyLane(p.mask.LoadIf(key < p.keys, sample * p.keys + key) != 0.0f) || any;
    }
    return any;
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t query = static_cast<int64_t>(BlockX()) * kWarps + Warp(), head = BlockY();
    const int64_t group = BlockZ(), sample = group / p.groups;
    const int64_t key_group = sample * p.key_groups + (p.key_groups == 1 ? 0 : group % p.groups);
    if (query >= p.queries) return;
    const SharedRow scores = {Warp() * static_cast<uint32_t>(p.keys) * 4, p.keys};
    const Activations q = p.q + ((group * p.queries + query) * p.q_stride + head * p.d);
    const Activations k = p.k + (key_group * p.keys * p.k_stride + head * p.d);
    const Activations v = p.v + (key_group * p.keys * p.v_stride + head * p.d);
    const bool masked = Masked(p, sample);
    float scale = p.scale, most = -__builtin_huge_valf();
    for (int64_t key = Lane(); key < p.keys; key += 32) {
      float score = 0;
      for (int64_t c = 0; c < p.d; ++c)
        score = fmaf(q.Load(c), k.Load(key * p.k_stride + c), score);
      if (masked && p.mask.Load(sample * p.keys + key) == 0.0f) score = -__builtin_huge_valf();
      if (!p.bias.empty()) {
        const int64_t row = (sample * p.heads + head) * p.queries + query;
        score = fmaf(score, scale, p.bias.Load(row * p.keys + key));
      }
      if (p.causal && key > query) score = -__builtin_huge_valf();
      scores.Set(key, score);
      most = score > most ? score : most;
    }
    if (!p.bias.empty()) scale = 1.0f;
    most = MaxOfLanes(most);
    float sum = 0;
    for (int64_t key = Lane(); key < p.keys; key += 32) {
      const float probability = kernels::ExpF((scores.Get(key) - most) * scale);
      scores.Set(key, probability);
      sum = sum + probability;
    }
    sum = SumOfLanes(sum);
    SyncWarp();
    for (int64_t c = Lane(); c < p.d; c += 32) {
      float total = 0;
      for (int64_t key = 0; key < p.keys; ++key)
        total = fmaf(scores.Get(key), v.Load(key * p.v_stride + c), total);
      p.out.Store((group * p.queries + query) * p.out_stride + head * p.d + c, total / sum);
    }
  }
};

}  // namespace tmpq::gpu
