#include "src/metrics/sharpness.h"

#include "src/core/error.h"

namespace tmpq {
namespace {

double LaplacianVariance(const std::vector<double>& grey, int64_t height, int64_t width) {
  double sum = 0.0, squares = 0.0;
  for (int64_t y = 1; y + 1 < height; ++y) {
    for (int64_t x = 1; x + 1 < width; ++x) {
      const int64_t at = y * width + x;
      const double laplacian =
          grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width] - 4.0 * grey[at];
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const auto positions = static_cast<double>((height - 2) * (width - 2));
  return squares / positions - (sum / positions) * (sum / positions);
}

}  // namespace

std::vector<double> GreyOf(std::span<const float> image, ImageShape shape) {
  std::vector<double> grey(shape.height * shape.width, 0.0);
  for (size_t i = 0; i < image.size(); ++i) grey[i / shape.channels] += image[i];
  for (double& value : grey) value /= static_cast<double>(shape.channels);
  return grey;
}

std::vector<double> LaplacianVariances(std::span<const float> images, ImageShape shape) {
  TMPQ_CHECK(shape.elements() > 0 && images.size() % shape.elements() == 0,
             "images do not fit their shape");
  if (shape.height < 3 || shape.width < 3) {
    throw Error(ErrorCode::kInput, "sharpness", "images are too small", "at least 3 x 3 pixels");
  }
  std::vector<double> variances;
  for (size_t at = 0; at < images.size(); at += shape.elements()) {
    variances.push_back(LaplacianVariance(GreyOf(images.subspan(at, shape.elements()), shape),
                                          shape.height, shape.width));
  }
  return variances;
}

}  // namespace tmpq
