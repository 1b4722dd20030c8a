// The feature space that a model's distances are in, with the distribution that they are to.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "src/eval/models/feature_space.h"
#include "src/metrics/frechet.h"

namespace tmpq {

struct MeasuredSpace {
  FeatureSpace space;
  // Null where nobody gave a distribution: no file, and a network whose training set is not here.
  std::unique_ptr<FrechetReference> statistics;
  std::string reference;  // what the statistics are of: "training set", a file's path; or empty
  std::string statistics_hash;

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

// `feature_net`: name, folder or file; empty: the one that the model's `sampling` names, else
// random features. `statistics`: a file; empty: that of the network's training set. `shape`: of a
// sample; `where` names the model; `resize`: FeatureSpaceOptions::resize. Throws kIo, kCorrupt,
// kInput.
MeasuredSpace OpenMeasuredSpace(std::string feature_net, const std::string& statistics,
                                const Json& sampling, const Shape& shape, const std::string& where,
                                const std::filesystem::path& bundled,
                                std::optional<ResizeFilter> resize = {});

}  // namespace tmpq
