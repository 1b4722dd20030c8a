// Structural similarity of images in [-1, 1] (Wang et al. 2004), as scikit-image's
// structural_similarity with data_range 2 and channel_axis -1.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/image_shape.h"

namespace tmpq {

enum class SsimWindow {
  kUniform7,   // 7 x 7 mean: scikit-image's default
  kGaussian11  // 11 x 11 normal weights of sigma 1.5: gaussian_weights=True, sigma=1.5
};

// Mean over channels and over all positions whose window lies within the image, one value a sample;
// K1 = .01, K2 = .03, sample covariances (divided by window elements - 1, scikit-image's default).
// Throws kInput where the image is smaller than the window. Estimate with EstimateMean (estimand:
// the expected SSIM of one pair).
std::vector<double> StructuralSimilarities(std::span<const float> images,
                                           std::span<const float> reference, ImageShape shape,
                                           SsimWindow window = SsimWindow::kUniform7);

}  // namespace tmpq
