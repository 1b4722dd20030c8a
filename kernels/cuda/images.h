// Images of channels-last pixels: their quantization (one scale an image), the windows of
// convolutions, group normalization, pools.
#pragma once

#include "kernels/cuda/activations.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/gemm_parts.h"
#include "kernels/cuda/rows.h"
#include "kernels/include/numerics.h"

namespace tmpq::gpu {

// Images where they lie, two of the same pixels side by side in their channels: a concatenation
// that nobody makes.
struct ImageSource {
  Activations x;       // (images, pixels, channels - beside_channels)
  Activations beside;  // (images, pixels, beside_channels), the last ones; or empty
  int64_t channels = 0, beside_channels = 0;

  // Element `at` of the (images, pixels, channels) that both make.
  TMPQ_DEVICE float LoadIf(bool valid, int64_t at) const {
    if (beside.empty()) return x.LoadIf(valid, at);
    const int64_t pixel = at / channels, channel = at % channels,
                  first = channels - beside_channels;
    const bool is_first = channel < first;
    return (is_first ? x : beside)
        .LoadIf(valid,
                is_first ? pixel * first + channel : pixel * beside_channels + channel - first);
  }
};

struct ImageScalesParams {
  ImageSource source;
  int64_t images = 0, elements = 0;  // of an image
  int bits = 8;
  const float* fixed_scale = nullptr;  // (1) or null: from each image
  const int32_t* fixed_offset = nullptr;
  bool symmetric = true;
  bool nibbles = false;                        // what `outside` and the integers are stored as
  float *scale = nullptr, *inverse = nullptr;  // (images)
  int32_t* offset = nullptr;                   // (images)
  int8_t* outside = nullptr;                   // (images, 16): the integer of 0, in each byte
};

// A block an image.
struct ImageScalesKernel {
  using Params = ImageScalesParams;
  static constexpr int kThreads = 256, kSharedBytes = 2 * 4 * kThreads / 32;
  static constexpr const char* kName = "image_scales";

  TMPQ_DEVICE static kernels::RangeScale Range(const Params& p, float low, float high) {
    if (p.fixed_scale != nullptr) {
      kernels::RangeScale range = {LoadGlobal(p.fixed_scale), 0, 0};
      range.inverse = range.scale > 0.0f ? 1.0f / range.scale : 0.0f;
      if (!p.symmetric) range.offset = LoadGlobal(p.fixed_offset);
      return range;
    }
    if (!p.symmetric) return kernels::ScaleOfRange(-low, high, p.bits);
    const kernels::RowScale scale =
        kernels::ScaleOf(low > high ? low : high, kernels::QMax(p.bits));
    return {scale.scale, scale.inverse, 0};
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t image = BlockX();
    float low = 0, high = 0;  // of -x and of x
    const auto see = [&](const Activations& x, int64_t elements) {
      for (int64_t first = 0; first < elements; first += kThreads) {
        const int64_t i = first + ThreadIndex();
        const float value = x.LoadIf(i < elements, image * elements + i);
        low = -value > low ? -value : low;
        high = value > high ? value : high;
      }
    };
    const ImageSource& s = p.source;
    const int64_t beside =
        !s.beside.empty() ? p.elements / s.channels * s.beside_channels : int64_t{0};
    see(s.x, p.elements - beside);
    if (beside > 0) see(s.beside, beside);
    low = MaxOfLanes(low), high = MaxOfLanes(high);
    if (Lane() == 0) StoreShared(Warp() * 8, Floats2{{low, high}});
    SyncThreads();
    for (int warp = 0; warp < kThreads / 32; ++warp) {
      const Floats2 other = LoadShared<Floats2>(warp * 8);
      low = other.v[0] > low ? other.v[0] : low;
      high = other.v[1] > high ? other.v[1] : high;
    }
    const kernels::RangeScale range = Range(p, low, high);
    const bool first = ThreadIndex() == 0;
    StoreGlobalIf(first, p.scale + image, range.scale);
    StoreGlobalIf(first, p.inverse + image, range.inverse);
    StoreGlobalIf(first, p.offset + image, range.offset);
    const int zero = p.nibbles ? (-range.offset & 15) * 17 : -range.offset;
    StoreGlobalIf(ThreadIndex() < 16, p.outside + image * 16 + ThreadIndex(),
                  static_cast<int8_t>(zero));
  }
};

// With ImageScalesKernel's results. A thread a byte: an element, or two of an even number.
struct QuantizeImagesParams {
  ImageScalesParams images;
  int8_t* q = nullptr;  // (images, elements), or half as many bytes
};

struct QuantizeImagesKernel {
  using Params = QuantizeImagesParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "quantize_images";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t byte = ElementIndex(), i = p.images.nibbles ? 2 * byte : byte;
    const int64_t image = i / p.images.elements;
    const bool inside = image < p.images.images;
    const float inverse = LoadGlobalIf(inside, p.images.inverse + image, 0.0f);
    const int32_t offset = LoadGlobalIf(inside, p.images.offset + image, 0);
    const auto integer = [&](int64_t element) {
      const float x = p.images.source.LoadIf(inside, element);
      return p.images.symmetric ? kernels::QuantizeValue(x, inverse, kernels::QMax(p.images.bits))
                                : kernels::QuantizeToRange(x, inverse, offset, p.images.bits);
    };
    int q = integer(i);
    if (p.images.nibbles) q = (q & 15) | integer(i + 1) << 4;
    StoreGlobalIf(inside, p.q + byte, static_cast<int8_t>(q));
  }
};

// What windows are gathered from: integers, or activations.
template <typename T>
struct WindowsSource {
  const T* data = nullptr;

  TMPQ_DEVICE T LoadIf(bool valid, int64_t i) const { return LoadGlobalIf(valid, data + i, T{0}); }
};
template <>
struct WindowsSource<float> : Activations {};

// Windows side by side, for channels that GemmKind::kWindows does not take, and for float.
template <typename T>
struct WindowsParams {
  Windows windows;  // `outside` for integers
  WindowsSource<T> x;
  // Rows (output pixels) of `inputs`, every `group` of them padded to `padded`.
  int64_t rows = 0, inputs = 0, group = 0, padded = 0;
  T* out = nullptr;  // (rows, ceil(inputs / group) padded)
};

// Where input `input` of output pixel `row` is: an element of the images, or -1.
TMPQ_DEVICE int64_t WindowElement(const Windows& w, int64_t row, int64_t input) {
  const int64_t pixels = static_cast<int64_t>(w.out_height) * w.out_width, pixel = row % pixels;
  const int64_t position = input / w.channels, image = row / pixels;
  const int64_t y = pixel / w.out_width * w.stride + position / w.window_width - w.above;
  const int64_t x = pixel % w.out_width * w.stride + position % w.window_width - w.left;
  if (y < 0 || y >= w.height || x < 0 || x >= w.width) return -1;
  return StoredPixel(w, image, static_cast<int>(y), static_cast<int>(x)) * w.channels +
         input % w.channels;
}

template <typename T>
struct WindowsKernel {
  using Params = WindowsParams<T>;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "windows";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t line = (p.inputs + p.group - 1) / p.group * p.padded;
    const int64_t i = ElementIndex(), row = i / line, at_line = i % line;
    const int64_t within = at_line % p.padded, input = at_line / p.padded * p.group + within;
    const bool inside = row < p.rows, real = inside && within < p.group && input < p.inputs;
    const int64_t at = real ? WindowElement(p.windows, row, input) : -1;
    T value = p.x.LoadIf(at >= 0, at >= 0 ? at : 0);
    if constexpr (sizeof(T) == 1) {
      const int64_t pixels = static_cast<int64_t>(p.windows.out_height) * p.windows.out_width;
      const int8_t outside = LoadGlobalIf(
          real && at < 0, p.windows.outside + (inside ? row / pixels * 16 : 0), int8_t{0});
      if (real && at < 0) value = outside;
    }
    StoreGlobalIf(inside, p.out + i, value);
  }
};

// Sums of every window's integers, by group. A thread an output pixel and group.
struct WindowSumsParams {
  Windows windows;
  const int8_t* x = nullptr;
  bool nibbles = false;  // two a byte
  int64_t rows = 0, inputs = 0, group = 0;
  int32_t* sums = nullptr;  // (rows, groups)
};

struct WindowSumsKernel {
  using Params = WindowSumsParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "window_sums";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t groups = (p.inputs + p.group - 1) / p.group;
    const int64_t row = ElementIndex() / groups, begin = ElementIndex() % groups * p.group;
    if (row >= p.rows) return;
    const int64_t pixels = static_cast<int64_t>(p.windows.out_height) * p.windows.out_width;
    int32_t sum = 0;
    for (int64_t input = begin; input < begin + p.group && input < p.inputs; ++input) {
      const int64_t at = WindowElement(p.windows, row, input);
      const int64_t byte = p.nibbles ? at / 2 : at;
      int q = LoadGlobal(at >= 0 ? p.x + byte : p.windows.outside + row / pixels * 16);
      if (p.nibbles) q = at >= 0 && at % 2 == 1 ? q >> 4 : static_cast<int8_t>(q << 4) >> 4;
      sum += q;
    }
    StoreGlobal(p.sums + ElementIndex(), sum);
  }
};

// GroupNormArgs of kernels/include/kernels.h for samples, and a function after it. A warp a sample
// and group: the canonical order of the sums is a warp's.
struct GroupNormParams {
  ImageSource source;  // (samples, pixels, channels)
  int64_t samples = 0, pixels = 0, channels = 0, groups = 0;
  float epsilon = 0;
  const float *weight = nullptr, *bias = nullptr;  // (channels)
  Storage storage = Storage::kFloat32;             // of what the function is of
  Unary unary = Unary::kNone;
  Activations out;
};

struct GroupNormKernel {
  using Params = GroupNormParams;
  static constexpr int kThreads = 32;
  static constexpr const char* kName = "group_norm";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t sample = BlockX() / p.groups, group = BlockX() % p.groups;
    const int64_t width = p.channels / p.groups, count = p.pixels * width;
    const int64_t begin = sample * p.pixels * p.channels + group * width;
    const auto place = [&](int64_t i) { return begin + i / width * p.channels + i % width; };
    float sum = 0;
    const auto x = [&](int64_t i) { return p.source.LoadIf(true, place(i)); };
    for (int64_t i = Lane(); i < count; i += 32) sum = sum + x(i);
    const float mean = SumOfLanes(sum) / static_cast<float>(count);
    sum = 0;
    for (int64_t i = Lane(); i < count; i += 32) {
      const float centred = x(i) - mean;
      sum = sum + centred * centred;
    }
    const float variance = SumOfLanes(sum) / static_cast<float>(count);
    const float inverse = 1.0f / sqrtf(variance + p.epsilon);
    for (int64_t i = Lane(); i < count; i += 32) {
      const int64_t channel = group * width + i % width;
      const float value = fmaf((x(i) - mean) * inverse, LoadGlobal(p.weight + channel),
                               LoadGlobal(p.bias + channel));
      p.out.Store(place(i), p.unary == Unary::kNone
                                ? value
                                : ApplyUnary(p.unary, kernels::RoundTo(p.storage, value)));
    }
  }
};

// Largest value or mean of each window's pixels within the image, row by row. A thread an element.
struct PoolParams {
  Windows windows;
  int window_height = 0;
  bool largest = true;
  Activations x;
  int64_t count = 0;  // output elements
  Activations out;
};

struct PoolKernel {
  using Params = PoolParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "pool";

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t i = ElementIndex(), row = i / p.windows.channels;
    if (i >= p.count) return;
    float value = 0;
    int pixels = 0;
    for (int position = 0; position < p.window_height * p.windows.window_width; ++position) {
      const int64_t at = WindowElement(
          p.windows, row,
          static_cast<int64_t>(position) * p.windows.channels + i % p.windows.channels);
      if (at < 0) continue;
      const float next = p.x.Load(at);
      if (pixels++ == 0)
        value = next;
      else if (p.largest)
        value = next > value || next != next ? next : value;  // NaN stays
      else
        value = value + next;
    }
    p.out.Store(i, p.largest ? value : value / static_cast<float>(pixels));
  }
};

}  // namespace tmpq::gpu
