// Integer attention over a set's vectors (vectors_*.h): the bytes of the reference. Everything has
// internal linkage.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/functions.h"
#include "kernels/cpu/quantize.h"
#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

constexpr int64_t kQueriesAtOnce = 32;  // whose scores and probabilities stay in the first cache

constexpr int64_t kMostLanes = 16;  // of any set's vectors, which scales and sums fill

// One head's operands in the scratch.
struct HeadScratch {
  int8_t *q, *rows;  // of queries; of a panel's keys
  uint8_t *k, *v;    // k + 128 in groups [keys / 16][d / 4], v in groups [d / 16][keys / 4]
  float *q_scale, *k_scale, *v_scale, *inverses;
  int32_t *q_sums, *scores, *products, *low_products, *denominators;  // logits over the scores
  uint8_t *high, *low;                                                // probabilities

  HeadScratch(const AttentionArgs& args, int64_t at_once) {
    const int64_t key_columns = RoundUp(args.keys, kGroupOutputs),
                  value_columns = RoundUp(args.head_dim, kGroupOutputs);
    uint8_t* at = args.scratch;
    const auto take = [&](auto*& part, int64_t count) {
      part = (decltype(part + 0))at;
      at += RoundUp(count * (int64_t)sizeof(*part), 64);
    };
    take(q, args.queries * RoundUp(args.head_dim, kGroupInputs));
    take(rows, kGroupOutputs * RoundUp(args.head_dim, kGroupInputs));
    take(k, PackedBytes(args.keys, args.head_dim, 8));
    take(v, PackedBytes(args.head_dim, args.keys, 8));
    const int64_t queries = RoundUp(args.queries, kMostLanes);
    take(q_scale, queries), take(k_scale, key_columns), take(v_scale, value_columns);
    take(inverses, value_columns), take(q_sums, queries);
    take(scores, at_once * key_columns), take(denominators, RoundUp(at_once, kMostLanes));
    take(products, at_once * value_columns), take(low_products, at_once * value_columns);
    take(high, at_once * key_columns), take(low, at_once * key_columns);
  }
};

// x (tokens, d) at its stride to q (tokens, RoundUp4(d)), a scale and a sum of each.
template <typename V>
inline void QuantizeQueries(const float* x, int64_t stride, int64_t tokens, int64_t d, int bits,
                            HeadScratch& s) {
  const int64_t q_stride = RoundUp(d, kGroupInputs);
  for (int64_t first = 0; first < tokens; first += V::kLanes, x += V::kLanes * stride) {
    const int64_t left = tokens - first, count = left < V::kLanes ? left : V::kLanes;
    const OwnScales<V> scales(x, stride, count, d, bits);
    typename V::I sums[V::kLanes];
    for (int64_t i = 0; i < V::kLanes; ++i) {
      sums[i] = i < count ? RoundRow<V>(RoundingOfOwn<V>(scales.inverse[i], bits), x + i * stride,
                                        d, q_stride, s.q + (first + i) * q_stride)
                          : V::SetInt(0);
    }
    V::Store(s.q_scale + first, V::Load(scales.scale));
    V::StoreInt(s.q_sums + first, V::SumOfEach(sums));
  }
}

// k (keys, d), quantized per token, plus 128. A panel's keys are all made before their words are
// read: a word that was just written as part of a vector would wait for it.
template <typename V>
inline void PackKeysBy(const float* x, int64_t stride, int64_t keys, int64_t d, int bits,
                       HeadScratch& s) {
  const int64_t groups = GroupsOfInputs(d), row_bytes = groups * kGroupInputs;
  for (int64_t j = keys; j < RoundUp(keys, kGroupOutputs); ++j) s.k_scale[j] = 0;
  uint8_t* panel = s.k;
  for (int64_t first = 0; first < keys; first += kGroupOutputs, panel += groups * kGroupValues) {
    const int64_t count = keys - first < kGroupOutputs ? keys - first : kGroupOutputs;
    for (int64_t begin = 0; begin < count; begin += V::kLanes) {
      const int64_t left = count - begin, rows = left < V::kLanes ? left : V::kLanes;
      const OwnScales<V> scales(x, stride, rows, d, bits);
      V::Store(s.k_scale + first + begin, V::Load(scales.scale));  // 0 behind the keys
      for (int64_t j = 0; j < rows; ++j, x += stride) {
        RoundRow<V>(RoundingOfOwn<V>(scales.inverse[j], bits), x, d, row_bytes,
                    s.rows + (begin + j) * row_bytes);
      }
    }
    if (count < kGroupOutputs) memset(panel, 0, (size_t)(groups * kGroupValues));
    for (int64_t j = 0; j < count; ++j) {
      const int8_t* from = s.rows + j * row_bytes;
      uint8_t* to = panel + j * kGroupInputs;
      for (int64_t g = 0; g < groups; ++g, from += kGroupInputs, to += kGroupValues) {
        uint32_t word;
        memcpy(&word, from, sizeof(word));
        word ^= 0x80808080u;  // adds 128 to each byte
        memcpy(to, &word, sizeof(word));
      }
    }
  }
}

// v (keys, d), quantized per channel, transposed: four keys make a channel's word. Keys outside,
// channels inside: a key's channels lie together, and far from the next key's.
template <typename V>
inline void PackValuesBy(const float* x, int64_t stride, int64_t keys, int64_t d, int bits,
                         HeadScratch& s) {
  const int64_t groups = GroupsOfInputs(keys), columns = RoundUp(d, kGroupOutputs);
  const auto load = [&](int64_t key, int64_t c) {
    const float* p = x + key * stride + c;
    return c + V::kLanes <= d ? V::Load(p) : V::LoadFirst(p, d - c);
  };
  for (int64_t c = 0; c < columns; c += V::kLanes) V::Store(s.v_scale + c, V::Set(0.0f));
  for (int64_t j = 0; j < keys; ++j) {
    for (int64_t c = 0; c < d; c += V::kLanes)
      V::Store(s.v_scale + c, V::Max(V::Abs(load(j, c)), V::Load(s.v_scale + c)));
  }
  for (int64_t c = 0; c < columns; ++c) {  // scale and inverse behind the last are 0
    const RowScale scale = ScaleOf(s.v_scale[c], QMax(bits));
    s.v_scale[c] = scale.scale, s.inverses[c] = scale.inverse;
  }
  const typename V::I byte = V::SetInt(255), zero = V::SetInt(0);
  Rounding<V> rounding = Rounding<V>::Symmetric(0.0f, bits);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t j = g * kGroupInputs;
    for (int64_t c = 0; c < columns; c += V::kLanes) {
      uint8_t* out =
          s.v + (c / kGroupOutputs * groups + g) * kGroupValues + c % kGroupOutputs * kGroupInputs;
      if (c >= d) {  // the rest of the last panel
        V::StoreInt((int32_t*)out, zero);
        continue;
      }
      rounding.inverse = V::Load(s.inverses + c);
      const auto at = [&](int64_t key) { return key < keys ? rounding.Of(load(key, c)) : zero; };
      const auto low =
          V::Or(V::And(at(j), byte), V::template ShiftLeft<8>(V::And(at(j + 1), byte)));
      const auto high = V::Or(V::And(at(j + 2), byte), V::template ShiftLeft<8>(at(j + 3)));
      V::StoreInt((int32_t*)out, V::Or(low, V::template ShiftLeft<16>(high)));
    }
  }
}

// e^x for x <= 0, exact where the result is not denormal; such probabilities are 0.
template <typename V, int N>
TMPQ_ALWAYS_INLINE Wide<V, N> ExpOfNegative(const Wide<V, N>& x) {
  const auto parts = ExpPartsOf(AtLeast(x, Wide<V, N>(-87.0f)));
  return TimesPowerOfTwo(parts.p, parts.shifted);
}

// One query's probabilities: where they go (with 16 bits as two bytes), and parts of their sum.
template <typename V>
struct ProbabilityRow {
  const float* logits;
  typename V::F largest, most;  // of the logits; of an integer
  uint8_t *high, *low;          // low: null with 8 bits
  typename V::I sum = V::SetInt(0);

  // N vectors from `j` on.
  template <int N>
  void Make(int64_t j) {
    const auto x =
        EachPart<V, N>([&](int i) { return V::Sub(V::Load(logits + j + i * V::kLanes), largest); });
    const auto e = ExpOfNegative(x);
    for (int i = 0; i < N; ++i) {
      const int64_t at = j + i * V::kLanes;
      const auto p = V::Round(V::Mul(most, e.part[i]));
      sum = V::AddInt(sum, p);
      V::StoreBytes(high + at, low != nullptr ? V::template ShiftRight<8>(p) : p);
      if (low != nullptr) V::StoreBytes(low + at, p);
    }
  }
};

// Logits of query `i` over its scores (key_columns), the least behind the keys; returns large ones,
// the largest of which is that of all.
template <typename V>
inline typename V::F MakeLogits(const AttentionArgs& args, const HeadScratch& s, int64_t i,
                                float inverse_root, int32_t* scores) {
  const int64_t keys = args.keys, columns = RoundUp(keys, kGroupOutputs);
  const auto correction = V::SetInt(128 * s.q_sums[i]);
  const auto row_scale = V::Set(s.q_scale[i] * inverse_root), least = V::Set(kLeastLogit);
  auto most = least;
  for (int64_t j = 0; j < columns; j += V::kLanes) {
    const auto score = V::ToFloat(V::SubInt(V::LoadInt(scores + j), correction));
    auto logit = V::Mul(score, V::Mul(row_scale, V::Load(s.k_scale + j)));
    if (j + V::kLanes > keys) logit = V::KeepFirst(logit, least, j < keys ? keys - j : 0);
    most = V::Max(logit, most);
    V::StoreInt(scores + j, V::FloatAsBits(logit));
  }
  if (args.mask == nullptr) return most;
  float* logits = (float*)scores;
  MaskLogits(args.mask, keys, logits);
  return V::Set(MaxOf(logits, columns));
}

// Probabilities of up to kLanes queries from `first` on, zeros behind the keys, and their sums; of
// rows from `at` on in the scratch.
template <typename V>
inline void SoftmaxOfRows(const AttentionArgs& args, HeadScratch& s, int64_t first, int64_t count,
                          int64_t at, float inverse_root) {
  const int64_t columns = RoundUp(args.keys, kGroupOutputs);
  typename V::F most[V::kLanes];
  for (int64_t i = 0; i < V::kLanes; ++i) {
    most[i] = i < count
                  ? MakeLogits<V>(args, s, first + i, inverse_root, s.scores + (at + i) * columns)
                  : V::Set(0.0f);
  }
  alignas(64) float largest[V::kLanes];
  V::Store(largest, V::LargestOfEach(most));
  typename V::I sums[V::kLanes];
  for (int64_t i = count; i < V::kLanes; ++i) sums[i] = V::SetInt(0);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = (at + i) * columns;
    ProbabilityRow<V> to{(const float*)(s.scores + row), V::Set(largest[i]),
                         V::Set((float)((1 << args.softmax_bits) - 1)), s.high + row,
                         args.softmax_bits == 16 ? s.low + row : nullptr};
    int64_t j = 0;
    for (; j + 2 * V::kLanes <= columns; j += 2 * V::kLanes) to.template Make<2>(j);
    for (; j < columns; j += V::kLanes) to.template Make<1>(j);
    sums[i] = to.sum;
  }
  V::StoreInt(s.denominators + at, V::SumOfEach(sums));
}

// out (d) = numerators times the inverse of their denominator, times v_scale.
inline void DivideRow(const int32_t* __restrict high, const int32_t* __restrict low, bool wide,
                      int32_t denominator, const float* __restrict v_scale, int64_t d,
                      float* __restrict out) {
  const float inverse = 1.0f / (float)denominator;
  if (!wide) {
    for (int64_t c = 0; c < d; ++c) out[c] = (float)high[c] * inverse * v_scale[c];
    return;
  }
  for (int64_t c = 0; c < d; ++c) {
    out[c] = (float)((int64_t)high[c] * 256 + low[c]) * inverse * v_scale[c];
  }
}

template <typename V>
void AttentionIntBy(const AttentionArgs& args) {
  const int64_t d = args.head_dim, keys = args.keys, q_stride = RoundUp(d, kGroupInputs);
  const int64_t key_columns = RoundUp(keys, kGroupOutputs),
                value_columns = RoundUp(d, kGroupOutputs);
  const int64_t at_once = args.queries < kQueriesAtOnce ? args.queries : kQueriesAtOnce;
  const float inverse_root = 1.0f / sqrtf((float)d);
  const bool wide = args.softmax_bits == 16;
  HeadScratch s(args, at_once);
  for (int64_t h = 0; h < args.heads; ++h) {
    QuantizeQueries<V>(args.q + h * d, args.q_stride, args.queries, d, args.q_bits, s);
    PackKeysBy<V>(args.k + h * d, args.k_stride, keys, d, args.k_bits, s);
    PackValuesBy<V>(args.v + h * d, args.v_stride, keys, d, args.v_bits, s);
    const int64_t blocks = (args.queries + at_once - 1) / at_once;
    for (int64_t block = 0; block < blocks; ++block) {  // as equal as they can be
      const int64_t first = args.queries * block / blocks;
      const int64_t count = args.queries * (block + 1) / blocks - first;
      V::template Product<false>(count, key_columns / kGroupOutputs, GroupsOfInputs(d),
                                 s.q + first * q_stride, q_stride, s.k, s.scores, key_columns);
      for (int64_t i = 0; i < count; i += V::kLanes) {
        const int64_t rows = count - i < V::kLanes ? count - i : V::kLanes;
        SoftmaxOfRows<V>(args, s, first + i, rows, i, inverse_root);
      }
      const int64_t panels = value_columns / kGroupOutputs, groups = GroupsOfInputs(keys);
      V::template Product<true>(count, panels, groups, s.high, key_columns, s.v, s.products,
                                value_columns);
      if (wide) {
        V::template Product<true>(count, panels, groups, s.low, key_columns, s.v, s.low_products,
                                  value_columns);
      }
      for (int64_t i = 0; i < count; ++i) {
        DivideRow(s.products + i * value_columns, s.low_products + i * value_columns, wide,
                  s.denominators[i], s.v_scale, d,
                  args.out + (first + i) * args.out_stride + h * d);
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
