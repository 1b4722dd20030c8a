// Perceptual distance in a feature network's space, in the form of LPIPS (Zhang et al. 2018)
// without its learned weights: name it by the network whose maps it compares, never LPIPS.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "src/metrics/image_shape.h"

namespace tmpq {

// One layer's maps of paired images, each (count, height, width, channels).
struct FeatureMaps {
  std::span<const float> images, reference;
  ImageShape shape;
};

// A value a sample: the mean over layers of the mean over positions of the squared distance between
// the two channel vectors, each divided by its length. In [0, 4]. Vectors of length 0 count as 0.
// Estimate with EstimateMean (estimand: the expected distance of one pair).
std::vector<double> FeatureMapDistances(std::span<const FeatureMaps> layers, int64_t count);

}  // namespace tmpq
