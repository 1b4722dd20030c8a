// The feature space of a run's distances, and the distribution that they are measured to.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "src/metrics/feature_extractor.h"
#include "src/metrics/feature_statistics.h"
#include "src/metrics/frechet.h"
#include "src/models/model_file.h"

namespace tmpq {

// The feature space of models that bring none: a convolutional network with fixed random weights.
inline constexpr const char* kRandomFeatures = "random-features";

struct FeatureSpace {
  std::string name;  // "fashion-features", or kRandomFeatures
  std::unique_ptr<FeatureExtractor> features;
};

// `name`: a bundled feature network's name, folder or file; kRandomFeatures or empty: random
// features of samples of `shape`. Throws kIo, kCorrupt, kInput.
FeatureSpace OpenFeatureSpace(const std::string& name, const Shape& shape,
                              const std::filesystem::path& bundled);

// Where the statistics of a named network's training set lie.
std::filesystem::path StatisticsPath(const std::string& name, const std::filesystem::path& bundled);

}  // namespace tmpq
