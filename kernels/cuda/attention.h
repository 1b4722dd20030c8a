// Integer attention: AttentionArgs of kernels/include/kernels.h, byte for byte.
//
// A block takes 64 queries of one head, a warp 16. Keys pass twice: once for the largest logit of
// each query, once for probabilities against it and their product with the values; numerator and
// denominator are exact integer sums, so nothing has to be rescaled. Probabilities go from the
// scores' product to the next as they lie in the lanes (attention_inputs.h orders the values so).
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/attention_inputs.h"
#include "kernels/cuda/device.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

struct AttentionParams {
  int64_t queries = 0, keys = 0, heads = 0, d = 0;
  // Attentions of a sample, and how many sets of keys and values it has: `groups` or 1.
  int64_t groups = 1, key_groups = 1;
  const int8_t *q = nullptr, *k = nullptr;  // QuantizeHeadsKernel, tokens padded to kKeyTile
  const int8_t* v = nullptr;                // QuantizeValuesKernel
  const float *q_scale = nullptr, *k_scale = nullptr, *v_scale = nullptr;
  Activations mask;  // (samples, keys) or empty; AttentionArgs::mask
  int softmax_bits = 8;
  Activations out;  // (samples, groups, queries, heads d) at out_stride
  int64_t out_stride = 0;
};

// Byte of a 16-byte chunk of rows of kBytes: eight rows at one chunk lie in different banks.
template <int kBytes>
TMPQ_DEVICE uint32_t AttentionChunk(int row, int chunk) {
  static_assert(kBytes % 32 == 0 && kBytes <= 128);
  const int turn = kBytes == 128 ? row & 7 : kBytes == 64 ? row >> 1 & 3 : row >> 2 & 1;
  return static_cast<uint32_t>(row * kBytes + ((chunk ^ turn) << 4));
}

// kD: head_dim rounded up to 32, 64, 96 or 128. kWide: 16-bit probabilities, two 8-bit products.
// Blocks: (ceil(queries / 64), heads, samples x groups).
template <int kD, bool kWide>
struct AttentionKernel {
  using Params = AttentionParams;
  static constexpr int kWarps = 4, kThreads = 32 * kWarps, kQueries = 16 * kWarps;
  static constexpr const char* kName = "attention";
  static constexpr int kMinBlocks = kWide ? 0 : kD == 32 ? 5 : kD == 64 ? 4 : 3;
  static constexpr int kKeyTiles = 4, kSteps = kD / 32, kOutTiles = kD / 8;
  static constexpr int kHalves = kWide ? 2 : 1;
  // Shared memory: the queries, then two stages of keys, values, scales and which keys take part.
  static constexpr int kKeyBytes = kKeyTile * kD, kScaleAt = 2 * kKeyBytes;
  static constexpr int kKeepAt = kScaleAt + 4 * kKeyTile, kStageBytes = kKeepAt + 4 * kKeyTile;
  static constexpr int kQueryBytes = kQueries * kD;
  static constexpr int kSharedBytes = kQueryBytes + 2 * kStageBytes;

  struct Place {
    int64_t query_row, key_row;  // of q, q_scale and of k, k_scale
    int64_t value_row;           // of v, v_scale
    int64_t sample;
    bool masked;  // the mask leaves some keys
  };

  TMPQ_DEVICE static Place PlaceOfBlock(const Params& p) {
    const int64_t group = BlockZ(), sample = group / p.groups;
    const int64_t key_group = sample * p.key_groups + (p.key_groups == 1 ? 0 : group % p.groups);
    Place place;
    place.query_row = (group * p.heads + BlockY()) * PaddedKeys(p.queries) +
                      static_cast<int64_t>(BlockX()) * kQueries;
    place.key_row = (key_group * p.heads + BlockY()) * PaddedKeys(p.keys);
    place.value_row = (key_group * p.heads + BlockY()) * kD;
    place.sample = sample;
    place.masked = false;
    if (p.mask.empty()) return place;
    for (int64_t first = 0; first < p.keys; first += 32) {
      const bool kept =
          p.mask.LoadIf(first + Lane() < p.keys, sample * p.keys + first + Lane()) != 0.0f;
      place.masked = AnyLane(kept) || place.masked;
    }
    return place;
  }

  TMPQ_DEVICE static void CopyRows(uint32_t to, const int8_t* from) {
    constexpr int kChunks = kD / 16;
    for (int i = ThreadIndex(); i < 64 * kChunks; i += kThreads)
      CopyAsync16(to + AttentionChunk<kD>(i / kChunks, i % kChunks), from + i * 16, true);
  }

  // Step s is key tile s % tiles of pass s / tiles.
  TMPQ_DEVICE static void CopyStep(const Params& p, const Place& place, int64_t tiles,
                                   int64_t step) {
    if (step >= 2 * tiles) return;
    const int64_t first = step % tiles * kKeyTile;
    const auto stage = static_cast<uint32_t>(kQueryBytes + step % 2 * kStageBytes);
    CopyRows(stage, p.k + (place.key_row + first) * kD);
    if (step >= tiles) {
      for (int i = ThreadIndex(); i < kD * 4; i += kThreads) {
        CopyAsync16(stage + kKeyBytes + AttentionChunk<64>(i / 4, i % 4),
                    p.v + (place.value_row + i / 4) * PaddedKeys(p.keys) + first + i % 4 * 16,
                    true);
      }
    }
    if (ThreadIndex() < kKeyTile / 4) {
      CopyAsync16(stage + kScaleAt + ThreadIndex() * 16,
                  p.k_scale + place.key_row + first + ThreadIndex() * 4, true);
    }
    if (ThreadIndex() < kKeyTile) {
      const int64_t key = first + ThreadIndex();
      const bool asked = place.masked && key < p.keys;
      const bool kept = p.mask.LoadIf(asked, place.sample * p.keys + key) != 0.0f || !asked;
      StoreShared(stage + kKeepAt + ThreadIndex() * 4, key < p.keys && kept ? 1 : 0);
    }
  }

  // Logits of the warp's 16 queries and 32 of the stage's keys, from `first` on; minus infinity
  // for keys left out. The queries are read anew: registers are scarce while values are added.
  TMPQ_DEVICE static void Logits(uint32_t stage, int first, const float row_scale[2],
                                 float logits[kKeyTiles][4]) {
    const int lane = Lane();
    Words4 q[kSteps];
    TMPQ_UNROLL
    for (int s = 0; s < kSteps; ++s)
      q[s] = LoadMatrices4(AttentionChunk<kD>(Warp() * 16 + (lane & 15), s * 2 + (lane >> 4)));
    int32_t scores[kKeyTiles][4] = {};
    TMPQ_UNROLL
    for (int pair = 0; pair < kKeyTiles / 2; ++pair) {
      TMPQ_UNROLL
      for (int s = 0; s < kSteps; ++s) {
        const int row = first + pair * 16 + (lane >> 4) * 8 + (lane & 7);
        const Words4 k = LoadMatrices4(stage + AttentionChunk<kD>(row, s * 2 + (lane >> 3 & 1)));
        MmaS8S8(scores[pair * 2], q[s], Words2{{k.v[0], k.v[1]}});
        MmaS8S8(scores[pair * 2 + 1], q[s], Words2{{k.v[2], k.v[3]}});
      }
    }
    TMPQ_UNROLL
    for (int j = 0; j < kKeyTiles; ++j) {
      const uint32_t at = stage + (first + j * 8 + lane % 4 * 2) * 4;
      const Floats2 scale = LoadShared<Floats2>(at + kScaleAt);
      const Words2 keep = LoadShared<Words2>(at + kKeepAt);
      TMPQ_UNROLL
      for (int i = 0; i < 4; ++i) {
        const float logit = static_cast<float>(scores[j][i]) * (row_scale[i / 2] * scale.v[i % 2]);
        logits[j][i] = keep.v[i % 2] != 0 ? logit : -__builtin_huge_valf();
      }
    }
  }

  // Largest of a row over the four lanes that share it.
  TMPQ_DEVICE static float MaxOfRow(float value) {
    TMPQ_UNROLL
    for (int mask = 1; mask <= 2; mask *= 2) {
      const float other = ShuffleXor(value, mask);
      value = other > value ? other : value;
    }
    return value;
  }

  // Probabilities of two neighbouring tiles of eight keys: one register a half of the rows.
  TMPQ_DEVICE static void PackProbabilities(const float logits[2][4], const float most[2],
                                            float pmax, int32_t sums[2],
                                            uint32_t packed[kHalves][2]) {
    TMPQ_UNROLL
    for (int row = 0; row < 2; ++row) {
      for (int half = 0; half < kHalves; ++half) packed[half][row] = 0;
      TMPQ_UNROLL
      for (int j = 0; j < 4; ++j) {
        const float logit = logits[j / 2][row * 2 + j % 2];
        const int32_t p = kernels::RoundHalfEven(pmax * kernels::ExpF(logit - most[row]));
        sums[row] += p;
        packed[0][row] |= static_cast<uint32_t>(kWide ? p >> 8 : p) << (8 * j);
        if constexpr (kWide) packed[1][row] |= static_cast<uint32_t>(p & 255) << (8 * j);
      }
    }
  }

  TMPQ_DEVICE static void AddValues(uint32_t stage, int first, const float logits[kKeyTiles][4],
                                    const float most[2], float pmax, int32_t sums[2],
                                    int32_t out[kHalves][kOutTiles][4]) {
    const int lane = Lane();
    uint32_t packed[2][kHalves][2];
    PackProbabilities(&logits[0], most, pmax, sums, packed[0]);
    PackProbabilities(&logits[2], most, pmax, sums, packed[1]);
    TMPQ_UNROLL
    for (int pair = 0; pair < kOutTiles / 2; ++pair) {
      const int row = pair * 16 + (lane >> 4) * 8 + (lane & 7);
      const Words4 v =
          LoadMatrices4(stage + kKeyBytes + AttentionChunk<64>(row, first / 16 + (lane >> 3 & 1)));
      TMPQ_UNROLL
      for (int half = 0; half < kHalves; ++half) {
        const Words4 a{
            {packed[0][half][0], packed[0][half][1], packed[1][half][0], packed[1][half][1]}};
        MmaU8S8(out[half][pair * 2], a, Words2{{v.v[0], v.v[1]}});
        MmaU8S8(out[half][pair * 2 + 1], a, Words2{{v.v[2], v.v[3]}});
      }
    }
  }

  TMPQ_DEVICE static void Store(const Params& p, const Place& place, const int32_t sums[2],
                                const int32_t out[kHalves][kOutTiles][4]) {
    TMPQ_UNROLL
    for (int half_rows = 0; half_rows < 2; ++half_rows) {
      int32_t total = sums[half_rows];
      total += ShuffleXor(total, 1);
      total += ShuffleXor(total, 2);
      const float inverse = 1.0f / static_cast<float>(total);
      const int64_t query =
          static_cast<int64_t>(BlockX()) * kQueries + Warp() * 16 + Lane() / 4 + half_rows * 8;
      const int64_t row = (BlockZ() * p.queries + query) * p.out_stride + BlockY() * p.d;
      TMPQ_UNROLL
      for (int tile = 0; tile < kOutTiles; ++tile) {
        TMPQ_UNROLL
        for (int i = 0; i < 2; ++i) {
          const int channel = tile * 8 + Lane() % 4 * 2 + i;
          int64_t numerator = out[0][tile][half_rows * 2 + i];
          if constexpr (kWide) numerator = numerator * 256 + out[1][tile][half_rows * 2 + i];
          const bool inside = query < p.queries && channel < p.d;
          const float scale = LoadGlobalIf(inside, p.v_scale + place.value_row + channel, 0.0f);
          p.out.StoreIf(inside, row + channel, static_cast<float>(numerator) * inverse * scale);
        }
      }
    }
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const Place place = PlaceOfBlock(p);
    const int64_t tiles = PaddedKeys(p.keys) / kKeyTile;
    const int lane = Lane();
    CopyRows(0, p.q + place.query_row * kD);
    CopyStep(p, place, tiles, 0);
    CommitCopies();
    const float inverse_root = 1.0f / sqrtf(static_cast<float>(p.d));
    const float* q_scale = p.q_scale + place.query_row + Warp() * 16 + lane / 4;
    const float row_scale[2] = {LoadGlobal(q_scale) * inverse_root,
                                LoadGlobal(q_scale + 8) * inverse_root};
    const auto pmax = static_cast<float>((1 << p.softmax_bits) - 1);
    float most[2] = {-__builtin_huge_valf(), -__builtin_huge_valf()};
    int32_t sums[2] = {}, out[kHalves][kOutTiles][4] = {};
    for (int64_t step = 0; step < 2 * tiles; ++step) {
      WaitCopies<0>();
      SyncThreads();
      CopyStep(p, place, tiles, step + 1);
      CommitCopies();
      const auto stage = static_cast<uint32_t>(kQueryBytes + step % 2 * kStageBytes);
      for (int first = 0; first < kKeyTile; first += 8 * kKeyTiles) {
        float logits[kKeyTiles][4];
        Logits(stage, first, row_scale, logits);
        if (step >= tiles) {
          AddValues(stage, first, logits, most, pmax, sums, out);
          continue;
        }
        TMPQ_UNROLL
        for (int i = 0; i < kKeyTiles * 4; ++i) {
          const float logit = logits[i / 4][i % 4];
          float& largest = most[i % 4 / 2];
          largest = logit > largest ? logit : largest;
        }
      }
      if (step + 1 == tiles) most[0] = MaxOfRow(most[0]), most[1] = MaxOfRow(most[1]);
    }
    Store(p, place, sums, out);
  }
};

}  // namespace tmpq::gpu
