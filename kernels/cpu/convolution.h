// Integer convolution as a matrix product over the windows of a padded picture, which lie in its
// rows: nothing is copied where a window's row is whole groups of inputs. Everything has internal
// linkage.
//
// A set's vectors (vectors_*.h) give WindowProduct(rows, panels, shape of a window, pointers to the
// rows' windows, weights, sums).
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/quantize.h"
#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/packing.h"

namespace tmpq::kernels {
namespace {

constexpr int kWindowsAtOnce = 6;
constexpr int kWindowPanels = 4;

// What all of a picture's outputs share, by output.
struct OutputTerms {
  float *scale, *bias;         // a_scale w_scale, bias
  int32_t *factor, *constant;  // total = sum + factor * (sum of the window) + constant
};

struct ConvolutionScratch {
  int8_t *padded, *lines;  // (padded_height, padded_width, channels); some windows
  int32_t *pixel_sums, *column_sums, *window_sums;
  OutputTerms terms;

  ConvolutionScratch(const ConvolutionShape& s, uint8_t* scratch) {
    uint8_t* at = scratch;
    const auto take = [&](auto*& part, int64_t count) {
      part = (decltype(part + 0))at;
      at += RoundUp(count * (int64_t)sizeof(*part), 64);
    };
    const int64_t pixels = s.padded_height() * s.padded_width();
    const int64_t outputs = RoundUp(s.outputs, kGroupOutputs);
    take(padded, pixels * s.channels), take(lines, kWindowsAtOnce * RoundUp(s.inputs(), 4));
    take(pixel_sums, pixels), take(column_sums, s.padded_width());
    take(window_sums, s.out_height * s.out_width);
    take(terms.scale, outputs), take(terms.bias, outputs);
    take(terms.factor, outputs), take(terms.constant, outputs);
  }
};

// Scale, inverse and offset of the whole picture.
template <typename V>
RangeScale RangeOfPicture(const ConvIntArgs& args) {
  if (args.fixed_scale != nullptr)
    return FixedRange(*args.fixed_scale, args.symmetric ? 0 : *args.fixed_offset);
  const int64_t count = args.x_pixels() * args.x_channels();
  const int64_t more = args.x_pixels() * args.beside_channels;
  if (args.symmetric) {
    const auto most =
        V::Max(LargeMagnitudes<V>(args.x, count), LargeMagnitudes<V>(args.beside, more));
    const RowScale own = ScaleOf(V::Largest(most), QMax(args.a_bits));
    return {own.scale, own.inverse, 0};
  }
  float least, most, other_least, other_most;
  ExtremesOf<V>(args.x, count, &least, &most);
  ExtremesOf<V>(args.beside, more, &other_least, &other_most);
  return ScaleOfRange(fminf(least, other_least), fmaxf(most, other_most), args.a_bits);
}

// The integers of pixel (y, x) and their sum; what lies before them in a padded picture is there.
template <typename V>
int32_t QuantizePixel(const ConvIntArgs& args, const Rounding<V>& rounding, int64_t y, int64_t x,
                      int8_t* q, const int32_t* pixel_sum) {
  const ConvolutionShape& s = args.shape;
  if (args.doubled && (y % 2 == 1 || x % 2 == 1)) {  // the pixel to the left, or above
    const int64_t back = x % 2 == 1 ? 1 : s.padded_width();
    memcpy(q, q - back * s.channels, (size_t)s.channels);
    return *(pixel_sum - back);
  }
  const int64_t pixel = args.doubled ? y / 2 * (s.width / 2) + x / 2 : y * s.width + x;
  const int64_t channels = args.x_channels();
  typename V::I sum = RoundRow<V>(rounding, args.x + pixel * channels, channels, channels, q);
  if (args.beside_channels > 0) {
    const int64_t more = args.beside_channels;
    sum =
        V::AddInt(sum, RoundRow<V>(rounding, args.beside + pixel * more, more, more, q + channels));
  }
  return V::Sum(sum);
}

// The picture's integers and each pixel's sum, with the integer of 0 around it.
template <typename V>
void QuantizePicture(const ConvIntArgs& args, const Rounding<V>& rounding, int32_t offset,
                     ConvolutionScratch& scratch) {
  const ConvolutionShape& s = args.shape;
  const int64_t channels = s.channels;
  for (int64_t i = 0; i < s.padded_height(); ++i) {
    const int64_t y = i - s.above;
    for (int64_t j = 0; j < s.padded_width(); ++j) {
      const int64_t x = j - s.left, pixel = i * s.padded_width() + j;
      int8_t* q = scratch.padded + pixel * channels;
      if (y >= 0 && y < s.height && x >= 0 && x < s.width) {
        scratch.pixel_sums[pixel] =
            QuantizePixel(args, rounding, y, x, q, scratch.pixel_sums + pixel);
      } else {
        memset(q, (uint8_t)-offset, (size_t)channels);
        scratch.pixel_sums[pixel] = (int32_t)(-offset * channels);
      }
    }
  }
}

// Sums over every window's pixels, first down, then across.
inline void SumWindows(const ConvolutionShape& s, const ConvolutionScratch& scratch) {
  const int64_t width = s.padded_width();
  int32_t* __restrict columns = scratch.column_sums;
  for (int64_t y = 0; y < s.out_height; ++y) {
    const int32_t* __restrict first = scratch.pixel_sums + y * s.stride * width;
    for (int64_t j = 0; j < width; ++j) columns[j] = first[j];
    for (int64_t i = 1; i < s.kernel_height; ++i) {
      for (int64_t j = 0; j < width; ++j) columns[j] += first[i * width + j];
    }
    int32_t* __restrict sums = scratch.window_sums + y * s.out_width;
    for (int64_t x = 0; x < s.out_width; ++x) {
      int32_t sum = 0;
      for (int64_t j = 0; j < s.kernel_width; ++j) sum += columns[x * s.stride + j];
      sums[x] = sum;
    }
  }
}

// The sum of (a + ao)(q + wo) is sum a u + (wo - WeightOffset) sum a + ao (sum q + K wo), u what
// is stored; modulo 2^32 in between.
inline void MakeTerms(const ConvIntArgs& args, float a_scale, int32_t a_offset,
                      const OutputTerms& terms) {
  const auto inputs = (uint32_t)args.shape.inputs();
  for (int64_t n = 0; n < args.shape.outputs; ++n) {
    const uint32_t w_offset = args.w_offset != nullptr ? (uint32_t)args.w_offset[n] : 0u;
    const uint32_t w_sum = args.symmetric ? 0u : (uint32_t)args.w_sums[n];
    terms.scale[n] = a_scale * args.w_scale[n];
    terms.bias[n] = args.bias != nullptr ? args.bias[n] : 0.0f;
    terms.factor[n] = (int32_t)(w_offset - (uint32_t)WeightOffset(args.bits));
    terms.constant[n] = (int32_t)((uint32_t)a_offset * (w_sum + inputs * w_offset));
  }
}

// Not inlined: keeps the float code out of the registers of the product loop.
__attribute__((noinline)) void FinishWindows(const OutputTerms& terms, int64_t rows, int64_t column,
                                             int64_t columns, const int32_t* sums,
                                             const int32_t* window_sums, int64_t out_stride,
                                             float* out) {
  const float* __restrict scale = terms.scale + column;
  const float* __restrict bias = terms.bias + column;
  const int32_t* __restrict factor = terms.factor + column;
  const int32_t* __restrict constant = terms.constant + column;
  for (int64_t r = 0; r < rows; ++r) {
    const int32_t* __restrict sum = sums + r * kWindowPanels * kGroupOutputs;
    float* __restrict to = out + r * out_stride + column;
    const auto window_sum = (uint32_t)window_sums[r];
    for (int64_t i = 0; i < columns; ++i) {
      const uint32_t total =
          (uint32_t)sum[i] + (uint32_t)factor[i] * window_sum + (uint32_t)constant[i];
      to[i] = fmaf((float)(int32_t)total, scale[i], bias[i]);
    }
  }
}

template <typename V>
void MultiplyWindows(const ConvIntArgs& args, const ConvolutionScratch& scratch) {
  const ConvolutionShape& s = args.shape;
  const int64_t run = s.kernel_width * s.channels, row_bytes = s.padded_width() * s.channels;
  const bool whole = run % kGroupInputs == 0;
  const int64_t line = RoundUp(s.inputs(), kGroupInputs), groups = GroupsOfInputs(s.inputs());
  const typename V::Window window = {whole ? s.kernel_height : 1,
                                     whole ? run / kGroupInputs : groups, row_bytes, args.a_bits,
                                     args.bits};
  alignas(64) int32_t sums[kWindowsAtOnce * kWindowPanels * kGroupOutputs];
  const int64_t windows = s.out_height * s.out_width, panels = GroupsOfOutputs(s.outputs);
  for (int64_t first = 0; first < windows; first += kWindowsAtOnce) {
    const int64_t left = windows - first, rows = left < kWindowsAtOnce ? left : kWindowsAtOnce;
    const int8_t* at[kWindowsAtOnce];
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t y = (first + r) / s.out_width, x = (first + r) % s.out_width;
      at[r] = scratch.padded + (y * s.padded_width() + x) * s.stride * s.channels;
      if (whole) continue;
      int8_t* to = scratch.lines + r * line;
      for (int64_t i = 0; i < s.kernel_height; ++i) {
        memcpy(to + i * run, at[r] + i * row_bytes, (size_t)run);
      }
      memset(to + s.inputs(), 0, (size_t)(line - s.inputs()));
      at[r] = to;
    }
    for (int64_t panel = 0; panel < panels; panel += kWindowPanels) {
      const int64_t width = panels - panel < kWindowPanels ? panels - panel : kWindowPanels;
      const int64_t column = panel * kGroupOutputs, rest = s.outputs - column;
      V::WindowProduct(rows, width, window, at, args.weights + panel * groups * kGroupValues,
                       groups * kGroupValues, sums);
      FinishWindows(
          scratch.terms, rows, column, rest < width * kGroupOutputs ? rest : width * kGroupOutputs,
          sums, scratch.window_sums + first, args.out_stride, args.out + first * args.out_stride);
    }
  }
}

template <typename V>
void ConvIntBy(const ConvIntArgs& args) {
  const ConvolutionShape& s = args.shape;
  ConvolutionScratch scratch(s, args.scratch);
  const RangeScale range = RangeOfPicture<V>(args);
  QuantizePicture(args, RoundingOf<V>(range, !args.symmetric, args.a_bits), range.offset, scratch);
  SumWindows(s, scratch);
  MakeTerms(args, range.scale, range.offset, scratch.terms);
  MultiplyWindows<V>(args, scratch);
}

}  // namespace
}  // namespace tmpq::kernels
