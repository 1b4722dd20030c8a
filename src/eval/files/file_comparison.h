// Two sets of samples side by side: what metrics look at, each computed once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/data/captioned_world.h"
#include "src/eval/files/sample_set.h"
#include "src/eval/models/alignment_encoder.h"
#include "src/eval/models/feature_maps.h"
#include "src/eval/models/feature_space.h"
#include "src/eval/models/reward_model.h"
#include "src/metrics/feature_extractor.h"
#include "src/metrics/frechet.h"
#include "src/metrics/manifold.h"

namespace tmpq {

// What is compared. The networks outlive it.
struct FileComparison {
  SampleSet samples;
  std::optional<SampleSet> reference;           // samples to compare with, or
  std::optional<FeatureStatistics> statistics;  // their features' moments
  std::optional<SampleSet> paired;             // samples' own partners; else `reference` holds them
  const FeatureExtractor* features = nullptr;  // turns images into features
  const FeatureExtractor* spatial = nullptr;   // turns them into maps (height, width, channels)
  const FeatureExtractor* logits = nullptr;    // turns them into logits
  PublishedNetwork published = PublishedNetwork::kNone;  // these: results carry its names
  const FeatureMapNet* maps = nullptr;                   // turns them into maps of several layers
  const FeatureExtractor* frames = nullptr;              // turns a clip's frames into features
  const AlignmentEncoder* encoder = nullptr;             // of samples and texts
  const RewardModel* reward_model = nullptr;
  std::vector<std::string> texts;         // of the samples, in turn
  const CaptionedWorld* judge = nullptr;  // of texts and samples
  uint64_t seed = 0;                      // of subsets
  int threads = 0;                        // 0: as many as OpenMP has
};

// One side of a comparison, which outlives it. Members throw kUsage where the file holds something
// else, kInput where its values do not do. Not thread-safe.
class ComparedSamples {
 public:
  ComparedSamples(SampleSet samples, const FileComparison& comparison)
      : samples_(std::move(samples)), comparison_(comparison) {}

  const SampleSet& raw() const { return samples_; }
  int64_t count() const { return samples_.count(); }

  // Images or clips in [-1, 1].
  const SampleSet& Images();
  const SampleSet& Clips();
  const ClipMotion& Motion();
  // (n, dimension), given or made by the feature network.
  const std::vector<float>& Features();
  int64_t dimension() const;

  // Throws kUsage: this metric needs `wanted`.
  [[noreturn]] void Refuse(const std::string& wanted) const;

  // What `network` makes of the images or clips. Throws kUsage where it is null.
  std::vector<float> Extract(const FeatureExtractor* network);

 private:
  SampleSet samples_;
  const FileComparison& comparison_;
  bool normalized_ = false;
  std::vector<float> features_;
  ClipMotion motion_;
};

// Both sides. Not thread-safe, and not to be moved: the sides refer to it.
class Measurer {
 public:
  explicit Measurer(FileComparison comparison);
  Measurer(const Measurer&) = delete;
  Measurer& operator=(const Measurer&) = delete;

  ComparedSamples& samples() { return samples_; }
  const FeatureExtractor* spatial() const { return comparison_.spatial; }
  const FeatureExtractor* logits() const { return comparison_.logits; }
  // Whether InceptionV3 looks at the samples.
  PublishedNetwork published() const {
    return samples_.raw().dimensions() > 2 ? comparison_.published : PublishedNetwork::kNone;
  }
  // Throws kUsage where there is none.
  ComparedSamples& reference();
  // The partners of the samples; throws kInput unless they have the samples' shape.
  ComparedSamples& Paired();
  // Throw kUsage where there is none.
  const FeatureMapNet& maps() const;
  const FeatureExtractor& frame_features() const;
  const AlignmentEncoder& encoder() const;
  const RewardModel& reward_model() const;
  const CaptionedWorld& judge();
  const std::vector<std::string>& texts() const;
  int threads() const { return comparison_.threads; }

  // Rows of both sides in one space.
  struct Rows {
    const std::vector<float>&samples, &reference;
    int64_t dimension;
  };
  Rows FeatureRows();
  // The reference's moments, from its samples or a statistics file.
  const FrechetReference& Frechet();
  // Of the network that made the samples' features. Arrays do not say; their owner vouches for
  // them.
  Hash128 FeatureHash() const;
  const ManifoldMetrics& Manifolds();

 private:
  void CheckDimension(int64_t dimension, const std::string& where) const;

  FileComparison comparison_;
  ComparedSamples samples_;
  std::optional<ComparedSamples> reference_, paired_;
  std::optional<FrechetReference> frechet_;
  std::optional<ManifoldMetrics> manifolds_;
};

}  // namespace tmpq
