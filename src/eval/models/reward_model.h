// What people prefer, as networks say that were trained on it: rewards of samples and their texts.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/core/hash.h"
#include "src/graph/graph.h"

namespace tmpq {

// Const-safe.
class RewardModel {
 public:
  virtual ~RewardModel() = default;

  // "scenes-reward", or the folder's name.
  virtual const std::string& name() const = 0;
  // Of weights, configs and tokenizer.
  virtual Hash128 hash() const = 0;
  // Of two samples of a text, the one whose reward is larger by r is preferred with odds of
  // e^(r logits_per_unit()) (Bradley and Terry).
  virtual double logits_per_unit() const { return 1; }
  // Of each sample (n, shape) in [-1, 1] with its text, texts[i % texts.size()]; the mean over
  // frames for clips that are not seen at once. `threads` 0: as many as OpenMP has; never changes
  // the result. Throws kInput for shapes that do not fit, kUsage for texts with words that the
  // model does not know.
  virtual std::vector<double> Rewards(std::span<const float> samples, const Shape& shape,
                                      const std::vector<std::string>& texts, int threads) const = 0;
};

// `name`: a folder of ImageReward (src/models/image_reward.h, with BERT's vocab.txt) or of a
// CLIPModel that was trained on preferences (PickScore, HPS v2), or a model of tmpq-train's task
// preference: a name below `bundled`, a folder or file. Throws kIo, kCorrupt, kUnsupported, and
// kInput for encoders of another task.
std::unique_ptr<RewardModel> OpenRewardModel(const std::string& name,
                                             const std::filesystem::path& bundled);

}  // namespace tmpq
