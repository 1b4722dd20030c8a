// Sharpness without a reference: the variance of the image's Laplacian (Pech-Pacheco et al. 2000).
// Blur lowers it and noise raises it, so it tells nothing alone; compare with the float model's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/image_shape.h"

namespace tmpq {

// A value a sample: the variance (divided by the number of positions) of the 4-neighbour Laplacian
// of the mean over channels, over all positions with four neighbours. Unit: squared brightness of
// the scale [-1, 1]. Throws kInput for images below 3 x 3. Estimate with EstimateMean, or against
// the float model's with EstimatePairedDifference.
std::vector<double> LaplacianVariances(std::span<const float> images, ImageShape shape);

// The mean over channels of one image: (height, width).
std::vector<double> GreyOf(std::span<const float> image, ImageShape shape);

}  // namespace tmpq
