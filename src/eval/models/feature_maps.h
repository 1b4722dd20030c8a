// The maps of a bundled feature network: what its perceptual distance compares.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/eval/models/feature_space.h"

namespace tmpq {

// Const-safe.
class FeatureMapNet {
 public:
  // `name`: a feature network of tmpq-train, by name below `bundled`, folder or file; `resize`: of
  // samples to its size, by default bicubic. Throws kIo, kCorrupt, kInput, kUnsupported for a
  // network of another architecture.
  static FeatureMapNet Open(const std::string& name, const std::filesystem::path& bundled,
                            std::optional<ResizeFilter> resize = {});

  // What results say of it, as of a FeatureSpace.
  Json ToJson() const { return tmpq::ToJson(name_, layers_.front()); }

  // FeatureMapDistances (src/metrics) of samples (n, shape) in [-1, 1] with their partners, one a
  // sample, over the last maps of each resolution. Throws kInput where samples cannot be brought
  // to the network's shape. `threads` 0: as many as OpenMP has.
  std::vector<double> Distances(std::span<const float> samples, std::span<const float> reference,
                                const Shape& shape, int threads) const;

 private:
  FeatureMapNet() = default;

  std::string name_;
  std::vector<FeatureExtractor> layers_;
};

}  // namespace tmpq
