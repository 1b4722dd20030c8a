// The feature space of a run's distances, and the distribution that they are measured to.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "src/metrics/feature_extractor.h"
#include "src/metrics/resize.h"

namespace tmpq {

// The feature space of models that bring none: a convolutional network with fixed random weights.
inline constexpr const char* kRandomFeatures = "random-features";

// What a network says of a sample.
enum class FeatureOutput {
  kFeatures,  // a vector: distances
  kMaps,      // (height, width, channels): distances that see places
  kLogits,    // of classes: class scores
};

struct FeatureSpaceOptions {
  // To the network's size, instead of the network's own filter: bicubic, or what its folder says.
  std::optional<ResizeFilter> resize = {};
  FeatureOutput output = FeatureOutput::kFeatures;
};

// Networks after which results have names of their own: exactly as published, pictures prepared as
// the known programs do.
enum class PublishedNetwork {
  kNone,
  kInception,  // the resizing of pytorch-fid, clean-fid or torch-fidelity: a distance is an FID
  kI3d,        // FVD
};

struct FeatureSpace {
  // "fashion-features", "inception-v3", "i3d", a folder's name, or kRandomFeatures
  std::string name;
  std::unique_ptr<FeatureExtractor> features;
  PublishedNetwork published = PublishedNetwork::kNone;
};

// What results say of a network: name, hash, preprocessing.
Json ToJson(const std::string& name, const FeatureExtractor& features);
inline Json ToJson(const FeatureSpace& space) { return ToJson(space.name, *space.features); }

// `name`: a bundled feature network's name, folder or file; a folder with network.json; a folder of
// transformers' CLIPVisionModelWithProjection, CLIPModel, VideoMAEModel or
// VideoMAEForVideoClassification with its preprocessor_config.json; a safetensors file of
// InceptionV3 or I3D (src/models/inception.h, i3d.h); kRandomFeatures or empty: random features.
// `shape`: of the samples that it will see, ([frames,] height, width, channels); images of any size
// are resized, and I3D takes as many frames as they have; empty: not known. Throws kIo, kCorrupt,
// kInput, and kUnsupported where the network lacks the output; the message says which file is
// missing and how to get it.
FeatureSpace OpenFeatureSpace(const std::string& name, const Shape& shape,
                              const std::filesystem::path& bundled,
                              const FeatureSpaceOptions& options = {});

// Where the statistics of a named network's training set lie; empty where it has none.
std::filesystem::path StatisticsPath(const std::string& name, const std::filesystem::path& bundled);

}  // namespace tmpq
