// How well samples show their texts: a contrastive encoder of pictures (or clips) and texts.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "src/data/vocabulary.h"
#include "src/eval/models/text_encoder.h"
#include "src/metrics/feature_extractor.h"

namespace tmpq {

// Const-safe.
class AlignmentEncoder {
 public:
  // `name`: a folder of transformers' CLIPModel (config.json, model.safetensors,
  // preprocessor_config.json, vocab.json, merges.txt), or a contrastive encoder of tmpq-train: a
  // name below `bundled`, a folder or file. Throws kIo, kCorrupt, kInput, kUnsupported.
  static AlignmentEncoder Open(const std::string& name, const std::filesystem::path& bundled);

  // "scenes-encoder", or the folder's name.
  const std::string& name() const { return name_; }
  // Only then do results carry CLIP's names: clip_similarity, clip_score, clipsim, clip_temp.
  bool is_clip() const { return text_ != nullptr; }
  // Whether a clip is seen at once, so that frames have no embeddings of their own.
  bool sees_whole_clips() const { return samples_->sample_shape().size() > 3; }
  // What cosines are multiplied with to be logits; 0 where the encoder has none.
  double logit_scale() const { return logit_scale_; }
  int64_t dimension() const { return samples_->dimension(); }
  // Of weights, configs and tokenizer: names the encoder in files.
  Hash128 hash() const { return samples_->hash(); }

  // Cosine of each sample (n, shape) in [-1, 1] with its text, texts[i % texts.size()], as prompts
  // are given to samples; the mean over frames for clips that are not seen at once. `threads` 0: as
  // many as OpenMP has; never changes the result. Throws kInput for shapes that do not fit, kUsage
  // for texts with words that the encoder does not know.
  std::vector<double> Similarities(std::span<const float> samples, const Shape& shape,
                                   const std::vector<std::string>& texts, int threads) const;

  // Embeddings of all frames, (n frames, dimension), for the consistencies of
  // src/metrics/embedding_similarity.h; of an image, itself. Throws as above, and kUnsupported
  // where clips are seen at once.
  std::vector<float> FrameEmbeddings(std::span<const float> samples, const Shape& shape,
                                     int threads) const;

 private:
  AlignmentEncoder() = default;
  static AlignmentEncoder OpenClip(const std::filesystem::path& folder);
  static AlignmentEncoder OpenContrastive(const std::string& name,
                                          const std::filesystem::path& bundled);
  // One row a text, from memory where it was asked before.
  TextRows TextEmbeddings(const std::vector<std::string>& texts, int threads) const;
  TextRows EncodeTexts(const std::vector<std::string>& texts, int threads) const;

  // Of texts that were asked before.
  struct Memory {
    std::mutex mutex;
    std::map<std::string, std::vector<float>> rows;
  };

  std::string name_;
  double logit_scale_ = 0;
  std::unique_ptr<FeatureExtractor> samples_;
  std::unique_ptr<TextEncoder> text_;         // CLIP's
  std::unique_ptr<RuntimeNetwork> captions_;  // the contrastive encoder's, with its words
  Vocabulary vocabulary_;
  std::unique_ptr<Memory> memory_ = std::make_unique<Memory>();
};

}  // namespace tmpq
