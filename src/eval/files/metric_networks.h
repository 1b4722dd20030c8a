// The networks that metrics look through, opened once for a comparison.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "src/eval/files/metric_rows.h"
#include "src/eval/models/feature_space.h"

namespace tmpq {

// By name, folder or file; empty: there is none, but for frame_net, then random features.
struct MetricNetworkNames {
  std::string feature_net, text_encoder, reward_model, frame_net;
  std::optional<ResizeFilter> resize;  // of feature_net, as FeatureSpaceOptions has it
};

class MetricNetworks {
 public:
  // Opens what `needs` ask for and `names` name. `shape`: of a picture or clip, ([frames,] height,
  // width, channels); empty: not known, where features are given as arrays. Throws as
  // OpenFeatureSpace, FeatureMapNet::Open and AlignmentEncoder::Open do.
  MetricNetworks(const MetricNetworkNames& names, const std::set<MetricNeeds>& needs,
                 const Shape& shape, const std::filesystem::path& bundled);

  // Of feature_net; without a network where it is not needed.
  const FeatureSpace& features() const { return features_; }
  // The comparison, which they outlive, looks through them.
  void LendTo(FileComparison& comparison) const;
  // What results say of each, by use: "feature_net", "text_encoder", "reward_model", "frame_net".
  const std::map<std::string, Json>& ToJson() const { return json_; }

 private:
  FeatureSpace features_, spatial_, logits_, frames_;
  std::unique_ptr<FeatureMapNet> maps_;
  std::unique_ptr<AlignmentEncoder> encoder_;
  std::unique_ptr<RewardModel> reward_model_;
  std::map<std::string, Json> json_;
};

}  // namespace tmpq
