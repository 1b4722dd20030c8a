#include "src/metrics/resize.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kBicubicA = -0.5;

// What one output pixel of an axis is made of.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;  // of first, first + 1, ...
};

double Bicubic(double x) {
  x = std::abs(x);
  if (x < 1.0) return ((kBicubicA + 2.0) * x - (kBicubicA + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * kBicubicA;
  return 0.0;
}

double Triangle(double x) { return std::max(1.0 - std::abs(x), 0.0); }

// Pillow's window: pixels whose centre is within the filter's reach, widened when shrinking.
Taps WindowTaps(int64_t at, int64_t from, int64_t to, double (*filter)(double), double reach) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double widening = std::max(ratio, 1.0), support = reach * widening;
  const double centre = (static_cast<double>(at) + 0.5) * ratio;
  const auto first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5), 0);
  const auto end = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5), from);
  Taps taps{first, {}};
  double sum = 0.0;
  for (int64_t x = first; x < end; ++x) {
    taps.weights.push_back(filter((static_cast<double>(x) - centre + 0.5) / widening));
    sum += taps.weights.back();
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

Taps BilinearTaps(int64_t at, int64_t from, int64_t to, double centre) {
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  const double source = std::max((static_cast<double>(at) + centre) * ratio - centre, 0.0);
  const auto first = std::min(static_cast<int64_t>(source), from - 1);
  const double share = source - static_cast<double>(first);
  if (first + 1 >= from) return {first, {1.0}};
  return {first, {1.0 - share, share}};
}

std::vector<Taps> TapsOf(int64_t from, int64_t to, ResizeFilter filter) {
  std::vector<Taps> taps;
  for (int64_t at = 0; at < to; ++at) {
    switch (filter) {
      case ResizeFilter::kBicubic:
        taps.push_back(WindowTaps(at, from, to, Bicubic, 2.0));
        break;
      case ResizeFilter::kTriangle:
        taps.push_back(WindowTaps(at, from, to, Triangle, 1.0));
        break;
      case ResizeFilter::kBilinear:
        taps.push_back(BilinearTaps(at, from, to, 0.5));
        break;
      case ResizeFilter::kBilinearTf1:
        taps.push_back(BilinearTaps(at, from, to, 0.0));
        break;
    }
  }
  return taps;
}

// One image: along the width first, then along the height, as Pillow does.
void ResizeImage(const float* image, ImageShape from, const std::vector<Taps>& rows,
                 const std::vector<Taps>& columns, PassValues values, float* out) {
  const int64_t channels = from.channels, width = static_cast<int64_t>(columns.size());
  std::vector<double> wide(from.height * width * channels, 0.0);
  for (int64_t y = 0; y < from.height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (size_t k = 0; k < columns[x].weights.size(); ++k) {
        const float* pixel = image + (y * from.width + columns[x].first + k) * channels;
        for (int64_t c = 0; c < channels; ++c)
          wide[(y * width + x) * channels + c] += columns[x].weights[k] * pixel[c];
      }
    }
  }
  const bool bytes = values == PassValues::kBytes;
  if (bytes) std::transform(wide.begin(), wide.end(), wide.begin(), NearestByteValue);
  const int64_t row_elements = width * channels;
  for (size_t y = 0; y < rows.size(); ++y) {
    for (int64_t x = 0; x < row_elements; ++x) {
      double sum = 0.0;
      for (size_t k = 0; k < rows[y].weights.size(); ++k)
        sum += rows[y].weights[k] * wide[(rows[y].first + k) * row_elements + x];
      out[y * row_elements + x] = static_cast<float>(bytes ? NearestByteValue(sum) : sum);
    }
  }
}

}  // namespace

ResizeFilter ParseResizeFilter(const std::string& name) {
  std::string known;
  for (const ResizeFilter filter : {ResizeFilter::kBicubic, ResizeFilter::kTriangle,
                                    ResizeFilter::kBilinear, ResizeFilter::kBilinearTf1}) {
    if (name == NameOf(filter)) return filter;
    known += (known.empty() ? "" : ", ") + std::string(NameOf(filter));
  }
  throw Error(ErrorCode::kUsage, "resize filter " + name, "is unknown", "one of " + known);
}

const char* NameOf(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBicubic:
      return "bicubic";
    case ResizeFilter::kTriangle:
      return "triangle";
    case ResizeFilter::kBilinear:
      return "bilinear";
    case ResizeFilter::kBilinearTf1:
      return "bilinear-tf1";
  }
  return "";
}

double NearestByteValue(double value) {
  return std::clamp(std::nearbyint((value + 1.0) * 127.5), 0.0, 255.0) / 127.5 - 1.0;
}

std::vector<float> ResizeImages(std::span<const float> images, ImageShape from, int64_t height,
                                int64_t width, ResizeFilter filter, PassValues values) {
  TMPQ_CHECK(from.elements() > 0 && images.size() % from.elements() == 0 && height > 0 && width > 0,
             "images do not fit their shape");
  const int64_t count = static_cast<int64_t>(images.size()) / from.elements();
  const int64_t elements = height * width * from.channels;
  const std::vector<Taps> rows = TapsOf(from.height, height, filter),
                          columns = TapsOf(from.width, width, filter);
  std::vector<float> resized(count * elements);
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < count; ++i) {
    ResizeImage(images.data() + i * from.elements(), from, rows, columns, values,
                resized.data() + i * elements);
  }
  return resized;
}

}  // namespace tmpq
