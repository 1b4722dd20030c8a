// The maps of a bundled feature network: what its perceptual distance compares.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "src/metrics/feature_extractor.h"

namespace tmpq {

// Const-safe.
class FeatureMapNet {
 public:
  // `name`: a feature network of tmpq-train, by name below `bundled`, folder or file. Throws kIo,
  // kCorrupt, kInput, kUnsupported for a network of another architecture.
  static FeatureMapNet Open(const std::string& name, const std::filesystem::path& bundled);

  const std::string& name() const { return name_; }
  Hash128 hash() const { return layers_.front().hash(); }

  // FeatureMapDistances (src/metrics) of samples (n, shape) in [-1, 1] with their partners, one a
  // sample, over the last maps of each resolution. Throws kInput for another shape than the
  // network's. `threads` 0: as many as OpenMP has.
  std::vector<double> Distances(std::span<const float> samples, std::span<const float> reference,
                                const Shape& shape, int threads) const;

 private:
  FeatureMapNet() = default;

  std::string name_;
  std::vector<FeatureExtractor> layers_;
};

}  // namespace tmpq
