// The one definition of rounding, scales and float functions, for host and device
// (docs/numerics.md).
//
// Every function is a fixed sequence of IEEE float32 operations (fmaf explicit, compiled without
// contraction), free of branches, so that loops over them vectorize and still give the same bits.
// Everything has internal linkage: a translation unit built for AVX-512 cannot lend its code to
// another.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define TMPQ_HOST_DEVICE __host__ __device__
#else
#define TMPQ_HOST_DEVICE
#endif

// A step of a function of several vectors, which would go through memory else.
#define TMPQ_ALWAYS_INLINE static inline __attribute__((always_inline))

namespace tmpq::kernels {

TMPQ_HOST_DEVICE static inline int32_t BitsOfFloat(float value) {
  int32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

TMPQ_HOST_DEVICE static inline float FloatOfBits(int32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}

// Round to nearest, ties to even; |value| < 2^31.
TMPQ_HOST_DEVICE static inline int32_t RoundHalfEven(float value) { return (int32_t)rintf(value); }

// Largest magnitude of a symmetric b-bit integer, b in 2..8.
TMPQ_HOST_DEVICE static inline int QMax(int bits) { return (1 << (bits - 1)) - 1; }

// Scale of a row (token, output channel, ...) and what its values are multiplied with.
struct RowScale {
  float scale;    // q * scale is the value
  float inverse;  // value * inverse, rounded, is q
};

// An all-zero row has scale and inverse 0. A range so small that its inverse would overflow counts
// as zero.
TMPQ_HOST_DEVICE static inline RowScale ScaleOf(float absmax, int qmax) {
  const float inverse = (float)qmax / absmax;
  const bool usable = absmax > 0.0f && inverse <= 3.402823466e38f;
  RowScale result;
  result.scale = usable ? absmax / (float)qmax : 0.0f;
  result.inverse = usable ? inverse : 0.0f;
  return result;
}

// clamp(round(value * inverse), -qmax, qmax); NaN gives -qmax, infinities the nearest end.
TMPQ_HOST_DEVICE static inline int8_t QuantizeValue(float value, float inverse, int qmax) {
  const float limit = (float)qmax;
  float scaled = value * inverse;
  scaled = scaled > -limit ? scaled : -limit;
  scaled = scaled < limit ? scaled : limit;
  return (int8_t)RoundHalfEven(scaled);
}

// Scale of a range of b-bit integers q in [-2^(b-1), 2^(b-1)) with a zero point: scale (q + offset)
// is the value.
struct RangeScale {
  float scale;
  float inverse;
  int32_t offset;
};

// The range is widened to hold 0, which has a q of its own: -offset. An empty range, or one so
// small that its inverse would overflow, has scale, inverse and offset 0.
TMPQ_HOST_DEVICE static inline RangeScale ScaleOfRange(float low, float high, int bits) {
  low = low < 0.0f ? low : 0.0f;
  high = high > 0.0f ? high : 0.0f;
  const float levels = (float)((1 << bits) - 1), span = high - low, inverse = levels / span;
  const bool usable = span > 0.0f && inverse <= 3.402823466e38f;
  RangeScale result;
  result.scale = usable ? span / levels : 0.0f;
  result.inverse = usable ? inverse : 0.0f;
  float zero = -low * inverse;
  zero = zero < levels ? zero : levels;
  result.offset = usable ? (1 << (bits - 1)) - RoundHalfEven(zero) : 0;
  return result;
}

// clamp(round(value * inverse) - offset, -2^(b-1), 2^(b-1) - 1); NaN gives the lowest.
TMPQ_HOST_DEVICE static inline int8_t QuantizeToRange(float value, float inverse, int32_t offset,
                                                      int bits) {
  const int32_t half = 1 << (bits - 1);
  const float least = (float)(offset - half), most = (float)(offset + half - 1);
  float scaled = value * inverse;
  scaled = scaled > least ? scaled : least;
  scaled = scaled < most ? scaled : most;
  return (int8_t)(RoundHalfEven(scaled) - offset);
}

// What the functions below are made of, for one float; kernels/cpu/functions.h has them for
// vectors.
TMPQ_HOST_DEVICE static inline float Fma(float a, float b, float c) { return fmaf(a, b, c); }
TMPQ_HOST_DEVICE static inline float AtLeast(float x, float least) {  // NaN: least
  return x > least ? x : least;
}
TMPQ_HOST_DEVICE static inline float AtMost(float x, float most) { return x < most ? x : most; }
// x 2^n where the result is normal; n: the lowest bits of what ExpPartsOf calls shifted.
TMPQ_HOST_DEVICE static inline float TimesPowerOfTwo(float x, float shifted) {
  return FloatOfBits((int32_t)((uint32_t)BitsOfFloat(x) + ((uint32_t)BitsOfFloat(shifted) << 23)));
}

// e^x = p 2^n, with shifted = 1.5 2^23 + n.
template <typename T>
struct ExpParts {
  T p, shifted;
};
constexpr float kExpShift = 12582912.0f;
template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE ExpParts<T> ExpPartsOf(T x) {
  const T shifted = Fma(x, T(1.44269504088896341f), T(kExpShift)), n = shifted - T(kExpShift);
  T r = Fma(n, T(-0.693145751953125f), x);
  r = Fma(n, T(-1.42860682030941723212e-6f), r);
  T p = T(1.9875691500e-4f);
  p = Fma(p, r, T(1.3981999507e-3f));
  p = Fma(p, r, T(8.3334519073e-3f));
  p = Fma(p, r, T(4.1665795894e-2f));
  p = Fma(p, r, T(1.6666665459e-1f));
  p = Fma(p, r, T(5.0000001201e-1f));
  return {Fma(p, r * r, r) + T(1.0f), shifted};
}

// e^x: 0 below -103.97, infinity above 88.72, NaN for NaN. Within 2 ulp.
TMPQ_HOST_DEVICE static inline float ExpF(float x) {
  // NaN becomes -104 and is put back at the end.
  const ExpParts<float> parts = ExpPartsOf(AtMost(AtLeast(x, -104.0f), 89.0f));
  // 2^n in two factors, so that results near the ends of the range are scaled exactly once.
  const int32_t whole = BitsOfFloat(parts.shifted) - BitsOfFloat(kExpShift), half = whole >> 1;
  const float first = FloatOfBits((half + 127) << 23),
              second = FloatOfBits((whole - half + 127) << 23);
  const float result = parts.p * first * second;
  return x == x ? result : x;
}

// e^x of x clamped to [-87, 87] (NaN: -87), where it has ExpF's bits.
template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE T BoundedExp(T x) {
  const ExpParts<T> parts = ExpPartsOf(AtMost(AtLeast(x, T(-87.0f)), T(87.0f)));
  return TimesPowerOfTwo(parts.p, parts.shifted);
}

// ln x for normal x > 0 (other arguments give unspecified finite values). Within 2 ulp.
TMPQ_HOST_DEVICE static inline float LogF(float x) {
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
  const int32_t bits = BitsOfFloat(x);
  const int32_t shifted = bits - 0x3f3504f3;
  const int32_t exponent = shifted >> 23;
  const float m = FloatOfBits(bits - exponent * (1 << 23)) - 1.0f;
  const float e = (float)exponent, z = m * m;
  float p = 7.0376836292e-2f;
  p = fmaf(p, m, -1.1514610310e-1f);
  p = fmaf(p, m, 1.1676998740e-1f);
  p = fmaf(p, m, -1.2420140846e-1f);
  p = fmaf(p, m, 1.4249322787e-1f);
  p = fmaf(p, m, -1.6668057665e-1f);
  p = fmaf(p, m, 2.0000714765e-1f);
  p = fmaf(p, m, -2.4999993993e-1f);
  p = fmaf(p, m, 3.3333331174e-1f);
  float y = p * m * z;
  y = fmaf(e, -2.12194440e-4f, y);
  y = fmaf(z, -0.5f, y);
  return fmaf(e, 0.693359375f, m + y);
}

// Angle reduced to [-pi/4, pi/4] and its quadrant; |x| <= 1e5.
struct ReducedAngle {
  float r;
  int32_t quadrant;
};
TMPQ_HOST_DEVICE static inline ReducedAngle ReduceAngle(float x) {
  const float n = rintf(x * 0.636619772367581343f);
  float r = fmaf(n, -1.57079625129699707031f, x);
  r = fmaf(n, -7.54978941586159635335e-8f, r);
  r = fmaf(n, -5.39030285815811905e-15f, r);
  ReducedAngle result;
  result.r = r;
  result.quadrant = (int32_t)n;
  return result;
}

TMPQ_HOST_DEVICE static inline float SinOfQuadrant(ReducedAngle angle) {
  const float r = angle.r, z = r * r;
  float s = -1.9515295891e-4f;
  s = fmaf(s, z, 8.3321608736e-3f);
  s = fmaf(s, z, -1.6666654611e-1f);
  s = fmaf(s * z, r, r);
  float c = 2.443315711809948e-5f;
  c = fmaf(c, z, -1.388731625493765e-3f);
  c = fmaf(c, z, 4.166664568298827e-2f);
  c = fmaf(c * z, z, fmaf(z, -0.5f, 1.0f));
  const float value = (angle.quadrant & 1) ? c : s;
  return (angle.quadrant & 2) ? -value : value;
}

// Absolute error within 2e-7 for |x| <= 1e5.
TMPQ_HOST_DEVICE static inline float SinF(float x) { return SinOfQuadrant(ReduceAngle(x)); }
TMPQ_HOST_DEVICE static inline float CosF(float x) {
  ReducedAngle angle = ReduceAngle(x);
  angle.quadrant += 1;
  return SinOfQuadrant(angle);
}

// x sigmoid(y), of x and -y; from where |y| is 87 on with the sigmoid there.
template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE T TimesSigmoidOfMinus(T x, T minus_y) {
  return x / (T(1.0f) + BoundedExp(minus_y));
}

template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE T SiluOf(T x) {
  return TimesSigmoidOfMinus(x, T(-1.0f) * x);
}

// x sigmoid(1.702 x), the GELU of CLIP.
template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE T QuickGeluOf(T x) {
  return TimesSigmoidOfMinus(x, T(-1.702f) * x);
}

// GELU, tanh approximation: x/2 (1 + tanh(u)) with u = sqrt(2/pi) (x + 0.044715 x^3), which is
// x sigmoid(2u).
template <typename T>
TMPQ_HOST_DEVICE TMPQ_ALWAYS_INLINE T GeluTanhOf(T x) {
  return TimesSigmoidOfMinus(x, x * Fma(T(-0.0713548162726f), x * x, T(-1.5957691216f)));
}

TMPQ_HOST_DEVICE static inline float SiluF(float x) { return SiluOf(x); }
TMPQ_HOST_DEVICE static inline float QuickGeluF(float x) { return QuickGeluOf(x); }
TMPQ_HOST_DEVICE static inline float GeluTanhF(float x) { return GeluTanhOf(x); }

// Error function: odd polynomial in x below 1, 1 - e^(polynomial in |x|) above. Own least-squares
// fits; absolute error within 2e-7.
TMPQ_HOST_DEVICE static inline float ErfF(float x) {
  const float a = fabsf(x) < 4.0f ? fabsf(x) : 4.0f, z = x * x;
  float p = 7.882497307e-05f;
  p = fmaf(p, z, -8.018855046e-04f);
  p = fmaf(p, z, 5.189311948e-03f);
  p = fmaf(p, z, -2.685432880e-02f);
  p = fmaf(p, z, 1.128359746e-01f);
  p = fmaf(p, z, -3.761262690e-01f);
  p = fmaf(p, z, 1.128379166e+00f);
  float q = 1.614061549e-06f;
  q = fmaf(q, a, -4.559062140e-05f);
  q = fmaf(q, a, 5.927695293e-04f);
  q = fmaf(q, a, -4.740222303e-03f);
  q = fmaf(q, a, 2.636471726e-02f);
  q = fmaf(q, a, -1.099782449e-01f);
  q = fmaf(q, a, -6.319370939e-01f);
  q = fmaf(q, a, -1.130166675e+00f);
  q = fmaf(q, a, 3.032129452e-04f);
  const float large = 1.0f - ExpF(q);
  const float signed_large = x < 0.0f ? -large : large;
  return fabsf(x) < 1.0f ? p * x : signed_large;
}

// GELU: x/2 (1 + erf(x / sqrt(2))).
TMPQ_HOST_DEVICE static inline float GeluErfF(float x) {
  return 0.5f * x * (1.0f + ErfF(x * 0.707106781186547524f));
}

// Lanes of a row sum: element i belongs to lane i % kRowLanes, each lane is summed in order, then
// halves are added: 32 -> 16 -> 8 -> 4 -> 2 -> 1.
constexpr int kRowLanes = 32;

TMPQ_HOST_DEVICE static inline float SumLanes(float lanes[kRowLanes]) {
  for (int width = kRowLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = lanes[i] + lanes[i + width];
  }
  return lanes[0];
}

}  // namespace tmpq::kernels
