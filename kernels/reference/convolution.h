// The definition of the integer convolution, as plain loops.
#pragma once

#include <math.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"
#include "kernels/include/numerics.h"

namespace tmpq::kernels {
namespace {

void UnpackToBytes(const UnpackArgs& args) {
  const int64_t groups = GroupsOfOutputs(args.n) * GroupsOfInputs(args.k);
  for (int64_t g = 0; g < groups; ++g) {
    uint8_t* values = args.out + g * kGroupValues;
    UnpackGroup(args.packed + g * (kGroupValues / 8) * args.stored_bits, args.stored_bits, values);
    for (int i = 0; i < kGroupValues; ++i) {
      const int q = values[i] - WeightOffset(args.stored_bits);
      values[i] = (uint8_t)(NarrowValue(q, args.stored_bits, args.bits) + WeightOffset(args.bits));
    }
  }
}

// Channel c of pixel (y, x).
inline float PictureValue(const ConvIntArgs& args, int64_t y, int64_t x, int64_t c) {
  const int64_t channels = args.x_channels(), width = args.shape.width;
  if (args.doubled) return args.x[(y / 2 * (width / 2) + x / 2) * channels + c];
  const int64_t pixel = y * width + x;
  return c < channels ? args.x[pixel * channels + c]
                      : args.beside[pixel * args.beside_channels + c - channels];
}

RangeScale ScaleOfPicture(const ConvIntArgs& args) {
  if (args.fixed_scale != nullptr)
    return FixedRange(*args.fixed_scale, args.symmetric ? 0 : *args.fixed_offset);
  float low, high, low_beside, high_beside;
  Extremes(args.x, args.x_pixels() * args.x_channels(), &low, &high);
  Extremes(args.beside, args.x_pixels() * args.beside_channels, &low_beside, &high_beside);
  low = fminf(low, low_beside), high = fmaxf(high, high_beside);
  if (!args.symmetric) return ScaleOfRange(low, high, args.a_bits);
  const RowScale own = ScaleOf(fmaxf(-low, high), QMax(args.a_bits));
  return {own.scale, own.inverse, 0};
}

void ConvInt(const ConvIntArgs& args) {
  const ConvolutionShape& s = args.shape;
  auto* q = (int8_t*)args.scratch;
  const RangeScale range = ScaleOfPicture(args);
  for (int64_t i = 0; i < s.height * s.width * s.channels; ++i) {
    const int64_t pixel = i / s.channels;
    const float value = PictureValue(args, pixel / s.width, pixel % s.width, i % s.channels);
    q[i] = args.symmetric ? QuantizeValue(value, range.inverse, QMax(args.a_bits))
                          : QuantizeToRange(value, range.inverse, range.offset, args.a_bits);
  }
  const float a_scale = range.scale;
  const int32_t a_offset = range.offset;
  const int64_t groups = GroupsOfInputs(s.inputs());
  for (int64_t y = 0; y < s.out_height; ++y) {
    for (int64_t x = 0; x < s.out_width; ++x) {
      for (int64_t n = 0; n < s.outputs; ++n) {
        const int32_t w_offset = args.w_offset != nullptr ? args.w_offset[n] : 0;
        int32_t sum = 0;
        int64_t k = 0;
        for (int64_t i = 0; i < s.kernel_height; ++i) {
          for (int64_t j = 0; j < s.kernel_width; ++j) {
            const int64_t row = y * s.stride + i - s.above, column = x * s.stride + j - s.left;
            const bool inside = row >= 0 && row < s.height && column >= 0 && column < s.width;
            for (int64_t c = 0; c < s.channels; ++c, ++k) {
              if (!inside) continue;  // the integer of 0 plus its offset is 0
              const int32_t a = q[(row * s.width + column) * s.channels + c] + a_offset;
              const int64_t at = (n / kGroupOutputs * groups + k / kGroupInputs) * kGroupValues +
                                 n % kGroupOutputs * kGroupInputs + k % kGroupInputs;
              sum += a * (args.weights[at] - WeightOffset(args.bits) + w_offset);
            }
          }
        }
        args.out[(y * s.out_width + x) * args.out_stride + n] =
            fmaf((float)sum, a_scale * args.w_scale[n], args.bias != nullptr ? args.bias[n] : 0.0f);
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
