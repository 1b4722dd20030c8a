// The feature space that a model's distances are in, with the distribution that they are to.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "src/eval/models/feature_space.h"
#include "src/metrics/frechet.h"

namespace tmpq {

struct ReferenceDistribution {
  // Null where nobody gave a distribution: no file, and a network whose training set is not here.
  std::unique_ptr<FrechetReference> statistics;
  std::string name;  // "training set", a file's path; or empty
  std::string hash;  // of the file
};

struct MeasuredSpace {
  FeatureSpace space;
  ReferenceDistribution reference;

  const FeatureExtractor& features() const { return *space.features; }
};

// The networks that a model's sampling settings name; empty: none. Text encoder and reward model
// are by default those that go with the model's judge: "scenes-encoder" for scenes, if it is
// bundled.
std::string FeatureNetOf(const Json& sampling, const std::string& where);
std::string TextEncoderOf(const Json& sampling, const std::string& where,
                          const std::filesystem::path& bundled);
std::string RewardModelOf(const Json& sampling, const std::string& where,
                          const std::filesystem::path& bundled);

// Of the space that `feature_net` names: a file `statistics`, else its training set's. Throws kIo,
// kCorrupt, and kInput for statistics of another network.
ReferenceDistribution OpenReference(const std::string& feature_net, const FeatureSpace& space,
                                    const std::filesystem::path& statistics,
                                    const std::filesystem::path& bundled);

// `feature_net`: name, folder or file; empty: the one that the model's `sampling` names, else
// random features. `statistics`: a file; empty: that of the network's training set. `shape`: of a
// sample; `where` names the model; `resize`: FeatureSpaceOptions::resize. Throws kIo, kCorrupt,
// kInput.
MeasuredSpace OpenMeasuredSpace(std::string feature_net, const std::string& statistics,
                                const Json& sampling, const Shape& shape, const std::string& where,
                                const std::filesystem::path& bundled,
                                std::optional<ResizeFilter> resize = {});

}  // namespace tmpq
