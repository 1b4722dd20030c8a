// AVX-512 intrinsics as portable code, included before all else: kernels/cpu/avx512.cc then runs,
// slowly, on processors without AVX-512. SIMDe has most of them; the rest are loops here, by the
// Intel intrinsics guide. Memory is touched only where a mask says so, as the instructions do.
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#undef __m512
#undef __m512i
#define __m512 simde__m512
#define __m512i simde__m512i

namespace tmpq::avx512_emulation {
namespace {

using Floats = simde__m512;
using Integers = simde__m512i;

template <typename T>
struct Lanes {
  T lane[64 / sizeof(T)];
};
template <typename T, typename Vector>
Lanes<T> LanesOf(Vector vector) {
  Lanes<T> lanes;
  memcpy(&lanes, &vector, sizeof(lanes));
  return lanes;
}
template <typename Vector, typename T>
Vector VectorOf(const Lanes<T>& lanes) {
  Vector vector;
  memcpy(&vector, &lanes, sizeof(vector));
  return vector;
}

template <typename Vector, typename T>
inline Vector Load(uint64_t mask, const void* from) {
  Lanes<T> lanes = {};
  for (int i = 0; i < static_cast<int>(64 / sizeof(T)); ++i) {
    if (mask >> i & 1) memcpy(&lanes.lane[i], static_cast<const T*>(from) + i, sizeof(T));
  }
  return VectorOf<Vector>(lanes);
}
inline void StoreFloats(float* to, uint32_t mask, Floats values) {
  const auto lanes = LanesOf<float>(values);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) to[i] = lanes.lane[i];
  }
}
inline void StoreLowBytes(void* to, uint32_t mask, Integers values) {
  const auto lanes = LanesOf<int32_t>(values);
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) static_cast<int8_t*>(to)[i] = static_cast<int8_t>(lanes.lane[i]);
  }
}
inline __m128i LowBytes(Integers values) {
  __m128i bytes;
  StoreLowBytes(&bytes, 0xffff, values);
  return bytes;
}
inline Floats ToFloats(Integers values) {
  const auto lanes = LanesOf<int32_t>(values);
  Lanes<float> result;
  for (int i = 0; i < 16; ++i) result.lane[i] = static_cast<float>(lanes.lane[i]);
  return VectorOf<Floats>(result);
}
inline Integers ToIntegers(Floats values) {
  const auto lanes = LanesOf<float>(values);
  Lanes<int32_t> result;
  for (int i = 0; i < 16; ++i) result.lane[i] = _mm_cvtss_si32(_mm_set_ss(lanes.lane[i]));
  return VectorOf<Integers>(result);
}
inline Floats Permute(Floats values, int control) {
  const auto lanes = LanesOf<float>(values);
  Lanes<float> result;
  for (int i = 0; i < 16; ++i)
    result.lane[i] = lanes.lane[i / 4 * 4 + (control >> (2 * (i % 4)) & 3)];
  return VectorOf<Floats>(result);
}
inline Floats ShuffleQuarters(Floats a, Floats b, int control) {
  const auto low = LanesOf<float>(a), high = LanesOf<float>(b);
  Lanes<float> result;
  for (int i = 0; i < 16; ++i)
    result.lane[i] = (i < 8 ? low : high).lane[(control >> (2 * (i / 4)) & 3) * 4 + i % 4];
  return VectorOf<Floats>(result);
}
inline int32_t SumOf(Integers values) {
  uint32_t sum = 0;
  for (const int32_t lane : LanesOf<int32_t>(values).lane) sum += static_cast<uint32_t>(lane);
  return static_cast<int32_t>(sum);
}
inline float LargestOf(Floats values) {
  const auto lanes = LanesOf<float>(values);
  float most = lanes.lane[0];
  for (const float lane : lanes.lane) most = lane > most ? lane : most;
  return most;
}

}  // namespace
}  // namespace tmpq::avx512_emulation

#define _mm512_cvtepi32_epi8 tmpq::avx512_emulation::LowBytes
#define _mm512_cvtepi32_ps tmpq::avx512_emulation::ToFloats
#define _mm512_cvtps_epi32 tmpq::avx512_emulation::ToIntegers
#define _mm512_mask_cvtepi32_storeu_epi8 tmpq::avx512_emulation::StoreLowBytes
#define _mm512_mask_storeu_ps tmpq::avx512_emulation::StoreFloats
#define _mm512_maskz_loadu_epi8 \
  tmpq::avx512_emulation::Load<tmpq::avx512_emulation::Integers, int8_t>
#define _mm512_maskz_loadu_ps tmpq::avx512_emulation::Load<tmpq::avx512_emulation::Floats, float>
#define _mm512_permute_ps tmpq::avx512_emulation::Permute
#define _mm512_reduce_add_epi32 tmpq::avx512_emulation::SumOf
#define _mm512_reduce_max_ps tmpq::avx512_emulation::LargestOf
#define _mm512_shuffle_f32x4 tmpq::avx512_emulation::ShuffleQuarters
