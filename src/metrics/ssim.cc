#include "src/metrics/ssim.h"

#include <cmath>
#include <string>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kDataRange = 2.0;
constexpr double kC1 = (0.01 * kDataRange) * (0.01 * kDataRange);
constexpr double kC2 = (0.03 * kDataRange) * (0.03 * kDataRange);
constexpr int kUniformWidth = 7, kGaussianRadius = 5;  // 5: 3.5 sigma, rounded
constexpr double kSigma = 1.5;

// Weights of one axis, sum 1; windows are separable.
std::vector<double> WeightsOf(SsimWindow window) {
  if (window == SsimWindow::kUniform7)
    return std::vector<double>(kUniformWidth, 1.0 / kUniformWidth);
  std::vector<double> weights;
  double sum = 0.0;
  for (int x = -kGaussianRadius; x <= kGaussianRadius; ++x) {
    weights.push_back(std::exp(-0.5 * x * x / (kSigma * kSigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

// A plane of height x width values.
using Plane = std::vector<double>;

// Weighted means over all windows within the plane: (height - w + 1, width - w + 1).
Plane Filter(const Plane& plane, int64_t height, int64_t width,
             const std::vector<double>& weights) {
  const auto size = static_cast<int64_t>(weights.size());
  const int64_t out_height = height - size + 1, out_width = width - size + 1;
  Plane rows(height * out_width, 0.0), result(out_height * out_width, 0.0);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < out_width; ++x) {
      for (int64_t k = 0; k < size; ++k)
        rows[y * out_width + x] += weights[k] * plane[y * width + x + k];
    }
  }
  for (int64_t y = 0; y < out_height; ++y) {
    for (int64_t k = 0; k < size; ++k) {
      for (int64_t x = 0; x < out_width; ++x)
        result[y * out_width + x] += weights[k] * rows[(y + k) * out_width + x];
    }
  }
  return result;
}

Plane Product(const Plane& a, const Plane& b) {
  Plane result(a.size());
  for (size_t i = 0; i < a.size(); ++i) result[i] = a[i] * b[i];
  return result;
}

double SimilarityOfPlanes(const Plane& a, const Plane& b, ImageShape shape,
                          const std::vector<double>& weights) {
  const auto filter = [&](const Plane& plane) {
    return Filter(plane, shape.height, shape.width, weights);
  };
  const Plane mean_a = filter(a), mean_b = filter(b), aa = filter(Product(a, a)),
              bb = filter(Product(b, b)), ab = filter(Product(a, b));
  const auto elements = static_cast<double>(weights.size() * weights.size());
  const double unbiased = elements / (elements - 1.0);
  double sum = 0.0;
  for (size_t i = 0; i < mean_a.size(); ++i) {
    const double ua = mean_a[i], ub = mean_b[i];
    const double va = unbiased * (aa[i] - ua * ua), vb = unbiased * (bb[i] - ub * ub),
                 vab = unbiased * (ab[i] - ua * ub);
    sum +=
        (2.0 * ua * ub + kC1) * (2.0 * vab + kC2) / ((ua * ua + ub * ub + kC1) * (va + vb + kC2));
  }
  return sum / static_cast<double>(mean_a.size());
}

Plane PlaneOf(std::span<const float> image, int64_t channel, int64_t channels) {
  Plane plane;
  for (size_t i = channel; i < image.size(); i += channels) plane.push_back(image[i]);
  return plane;
}

}  // namespace

std::vector<double> StructuralSimilarities(std::span<const float> images,
                                           std::span<const float> reference, ImageShape shape,
                                           SsimWindow window) {
  const std::vector<double> weights = WeightsOf(window);
  const auto size = static_cast<int64_t>(weights.size());
  const int64_t elements = shape.elements();
  TMPQ_CHECK(elements > 0 && images.size() == reference.size() && images.size() % elements == 0,
             "images to compare differ in size");
  if (shape.height < size || shape.width < size) {
    throw Error(ErrorCode::kInput, "SSIM",
                "images of " + std::to_string(shape.height) + " x " + std::to_string(shape.width) +
                    " are smaller than the window",
                "at least " + std::to_string(size) + " x " + std::to_string(size));
  }
  std::vector<double> similarities(images.size() / elements, 0.0);
#pragma omp parallel for schedule(static)
  for (size_t i = 0; i < similarities.size(); ++i) {
    const auto image = images.subspan(i * elements, elements),
               other = reference.subspan(i * elements, elements);
    for (int64_t c = 0; c < shape.channels; ++c) {
      similarities[i] += SimilarityOfPlanes(PlaneOf(image, c, shape.channels),
                                            PlaneOf(other, c, shape.channels), shape, weights);
    }
    similarities[i] /= static_cast<double>(shape.channels);
  }
  return similarities;
}

}  // namespace tmpq
