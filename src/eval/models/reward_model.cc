#include "src/eval/models/reward_model.h"

#include <omp.h>

#include <algorithm>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/eval/models/alignment_encoder.h"
#include "src/models/image_reward.h"
#include "src/runtime/call_threads.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// Cosines as logits (PickScore: Kirstain et al., arXiv 2305.01569).
class ContrastiveReward : public RewardModel {
 public:
  explicit ContrastiveReward(AlignmentEncoder encoder) : encoder_(std::move(encoder)) {}

  const std::string& name() const override { return encoder_.name(); }
  Hash128 hash() const override { return encoder_.hash(); }
  std::vector<double> Rewards(std::span<const float> samples, const Shape& shape,
                              const std::vector<std::string>& texts, int threads) const override {
    std::vector<double> rewards = encoder_.Similarities(samples, shape, texts, threads);
    for (double& reward : rewards) reward *= encoder_.logit_scale();
    return rewards;
  }

 private:
  AlignmentEncoder encoder_;
};

// As its program prepares pictures: shorter side resized in bytes, the middle cut out, CLIP's
// normalisation.
Preprocessing ImageRewardPreprocessing(int64_t image_size) {
  return {.filter = ResizeFilter::kBicubic,
          .shorter_side = image_size,
          .values = PictureValues::kBytes,
          .mean = {0.48145466, 0.4578275, 0.40821073},
          .deviation = {0.26862954, 0.26130258, 0.27577711}};
}

class ImageRewardModel : public RewardModel {
 public:
  explicit ImageRewardModel(const fs::path& folder)
      : ImageRewardModel(folder, LoadImageReward(folder)) {}

  const std::string& name() const override { return name_; }
  Hash128 hash() const override { return hash_; }
  // It was trained with the odds of what is divided for a score.
  double logits_per_unit() const override { return kImageRewardDeviation; }

  std::vector<double> Rewards(std::span<const float> samples, const Shape& shape,
                              const std::vector<std::string>& texts, int threads) const override {
    TMPQ_CHECK(!texts.empty(), "samples without texts");
    const bool clips = shape.size() > image_shape_.size();
    const Shape picture = clips ? Shape(shape.begin() + 1, shape.end()) : shape;
    CheckPreprocessing(preprocessing_, picture, image_shape_, "reward model " + name_);
    const int64_t frames = clips ? shape[0] : 1, elements = ElementsOf(picture);
    const auto pictures = static_cast<int64_t>(samples.size()) / elements;
    std::vector<TokenizedText> words;
    for (const std::string& text : texts) words.push_back(tokenizer_->Encode(text, tokens_));

    std::vector<float> found(pictures);
    const CallThreads divided =
        DivideThreads(network_, pictures, 1, threads > 0 ? threads : omp_get_max_threads());
    std::vector<Workspace> workspaces;
    for (int i = 0; i < divided.callers; ++i) {
      workspaces.push_back(network_.MakeWorkspace(1, divided.per_call));
    }
#pragma omp parallel for num_threads(divided.callers) schedule(dynamic, 1)
    for (int64_t i = 0; i < pictures; ++i) {
      const std::vector<float> pixels = Preprocess(
          preprocessing_, samples.subspan(i * elements, elements), picture, image_shape_);
      const TokenizedText& text = words[i / frames % words.size()];
      const std::vector<float> mask(text.mask.begin(), text.mask.end());
      network_.Run(policy_,
                   {1,
                    {{"pixel_values", pixels.data()}, {"attention_mask", mask.data()}},
                    {{"input_ids", text.ids.data()}}},
                   &found[i], workspaces[omp_get_thread_num()]);
    }
    std::vector<double> rewards(pictures / frames, 0.0);
    for (int64_t i = 0; i < pictures; ++i) {
      rewards[i / frames] +=
          (found[i] - kImageRewardMean) / kImageRewardDeviation / static_cast<double>(frames);
    }
    return rewards;
  }

 private:
  ImageRewardModel(const fs::path& folder, const ImageReward& model)
      : name_(fs::weakly_canonical(folder).filename().string()),
        tokenizer_(LoadTokenizer(folder)),
        network_(model.graph, model.parameters, kernels::BestKernels()),
        policy_(network_.ActivateFloat()),
        image_shape_(model.graph.node(model.graph.FindInput("pixel_values")).shape),
        tokens_(model.graph.node(model.graph.FindInput("input_ids")).shape[0]),
        preprocessing_(ImageRewardPreprocessing(image_shape_[0])),
        hash_(HashString(model.hash.Hex() + HashesOfTokenizer(folder))) {
    CheckTokenizer(*tokenizer_, model.graph, folder.string());
  }

  std::string name_;
  std::unique_ptr<Tokenizer> tokenizer_;
  RuntimeNetwork network_;
  ActivePolicy policy_;
  Shape image_shape_;
  int64_t tokens_;
  Preprocessing preprocessing_;
  Hash128 hash_;
};

}  // namespace

std::unique_ptr<RewardModel> OpenRewardModel(const std::string& name, const fs::path& bundled) {
  if (fs::is_regular_file(fs::path(name) / kMedConfigName)) {
    return std::make_unique<ImageRewardModel>(name);
  }
  AlignmentEncoder encoder = AlignmentEncoder::Open(name, bundled);
  if (!(encoder.logit_scale() > 0)) {
    throw Error(ErrorCode::kInput, "reward model " + name, "was not trained on preferences",
                "scenes-reward, sprites-reward, or the folder of ImageReward or of a CLIPModel "
                "that was");
  }
  return std::make_unique<ContrastiveReward>(std::move(encoder));
}

}  // namespace tmpq
