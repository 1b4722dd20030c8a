// Integer convolution of one picture. Included by kernels.h.
#pragma once

#include <stdint.h>

#include "kernels/include/packing.h"

namespace tmpq::kernels {

// Sizes of a convolution. Window (y, x) begins at input row y * stride - above and column x *
// stride - left; what lies outside the picture is 0.
struct ConvolutionShape {
  int64_t height = 0, width = 0, channels = 0;  // of the input
  int64_t out_height = 0, out_width = 0, outputs = 0;
  int64_t kernel_height = 0, kernel_width = 0, stride = 1, above = 0, left = 0;

  int64_t inputs() const { return kernel_height * kernel_width * channels; }
  // The input with all that windows reach, and nothing else.
  int64_t padded_height() const { return (out_height - 1) * stride + kernel_height; }
  int64_t padded_width() const { return (out_width - 1) * stride + kernel_width; }
};

// The picture (height, width, channels) is read where its parts lie, so that neither skip
// concatenation nor upsampling copies it: channels of `beside` come after those of `x`; of a
// `doubled` one, x has every second row and column, and each of its pixels stands for four.
// It is quantized with one scale (and offset), once; then out (out_height,
// out_width, outputs) = fmaf((float)sum, a_scale * w_scale, bias), the sum of products of integers
// plus offsets over a window in rows, columns, channels.
struct ConvIntArgs {
  ConvolutionShape shape;
  const float* x = nullptr;       // (height, width, channels - beside_channels), or halves
  const float* beside = nullptr;  // (height, width, beside_channels), or null; not with `doubled`
  int64_t beside_channels = 0;
  bool doubled = false;  // height and width are even
  int a_bits = 8;
  bool symmetric = true;                  // else x has a zero point
  const float* fixed_scale = nullptr;     // static scale; null: from x itself
  const int32_t* fixed_offset = nullptr;  // with it, unless symmetric
  const uint8_t* weights = nullptr;       // unpack_weights of (outputs, inputs)
  int bits = 8;                           // of the weights: they are stored with WeightOffset
  const float* w_scale = nullptr;         // (outputs)
  const int32_t* w_offset = nullptr;      // (outputs); null: all 0
  const int32_t* w_sums = nullptr;        // (outputs), of weights without offset; unless symmetric
  const float* bias = nullptr;            // (outputs) or null
  float* out = nullptr;
  int64_t out_stride = 0;      // from pixel to pixel: some outputs of a wider convolution
  uint8_t* scratch = nullptr;  // ConvIntScratchBytes, 64-byte aligned

  // Of x.
  int64_t x_pixels() const { return shape.height * shape.width / (doubled ? 4 : 1); }
  int64_t x_channels() const { return shape.channels - beside_channels; }
};

int64_t ConvIntScratchBytes(const ConvolutionShape& shape);

struct UnpackArgs {
  const uint8_t* packed = nullptr;  // of (n, k), kernels/include/packing.h
  int64_t n = 0, k = 0;
  int stored_bits = 8, bits = 8;  // nested storage: of `packed`, and what is wanted of it
  uint8_t* out = nullptr;         // PackedBytes(n, k, 8): bytes q + WeightOffset(bits)
};

}  // namespace tmpq::kernels
