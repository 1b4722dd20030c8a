// Mean and covariance of feature vectors: streamed, mergeable, kept in files with the identity of
// the network that made the features.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "src/core/hash.h"
#include "src/metrics/image_shape.h"

namespace tmpq {

// Plain data. A file gives back exactly the numbers that were written.
struct FeatureStatistics {
  int64_t count = 0;
  int64_t dimension = 0;
  std::vector<double> mean;        // (dimension)
  std::vector<double> covariance;  // (dimension, dimension), divided by count - 1
  Hash128 feature_hash;            // of the feature network
};

// Throws kInput, naming both, when the two come from different feature networks or have different
// dimensions.
void CheckComparable(const FeatureStatistics& a, const FeatureStatistics& b);

void WriteFeatureStatistics(const FeatureStatistics& statistics, const std::filesystem::path& path);

// Throws kIo, kCorrupt or kInput; kInput also when the file was made with another feature network
// than `feature_hash` or does not hold vectors of `dimension`.
FeatureStatistics ReadFeatureStatistics(const std::filesystem::path& path, int64_t dimension,
                                        Hash128 feature_hash);

// The same without an expectation, for a file that says itself what it is about.
FeatureStatistics ReadFeatureStatistics(const std::filesystem::path& path);

// The first `kept` channels of spatial features (n, height, width, channels), flattened to rows of
// height x width x kept: the vectors of the spatial Frechet distance ("sFID", Nash et al. 2021, for
// the first 7 channels of Inception's mixed_6 convolution).
std::vector<float> FlattenSpatial(std::span<const float> features, ImageShape shape, int64_t kept);

// Collects feature vectors in the order of arrival, in double.
//
// Vectors are folded in blocks of a fixed number of rows, so the result depends on the sequence of
// vectors only, not on how it was cut into calls. Not thread-safe.
class FeatureAccumulator {
 public:
  FeatureAccumulator(int64_t dimension, Hash128 feature_hash);

  // `features`: (n, dimension) row-major.
  void Add(std::span<const float> features);
  // As if the other's vectors had been added after these, up to rounding: a caller that wants the
  // same bytes merges in the same order. Throws kInput as CheckComparable does.
  void Merge(const FeatureAccumulator& other);

  int64_t count() const;
  // Throws kInput below two vectors.
  FeatureStatistics Finish() const;

 private:
  // Moments of one part: its sums are about its own mean, so nothing cancels.
  struct Moments {
    int64_t count = 0;
    std::vector<double> mean;
    std::vector<double> scatter;  // sum of (x - mean)(x - mean)'
  };

  Moments MomentsOfPending() const;
  void Combine(const Moments& part);

  int64_t dimension_;
  Hash128 feature_hash_;
  Moments total_;
  std::vector<double> pending_;  // rows that do not fill a block yet
};

}  // namespace tmpq
