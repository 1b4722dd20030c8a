// Metrics of samples and their texts.
#include <cmath>

#include "src/core/error.h"
#include "src/eval/files/metric_rows.h"
#include "src/metrics/embedding_similarity.h"

namespace tmpq {
namespace {

std::vector<double> TextSimilarity(Measurer& all) {
  const AlignmentEncoder& encoder = all.encoder();
  const SampleSet& samples = all.samples().Images();
  return encoder.Similarities(samples.values, samples.sample_shape(), all.texts(), all.threads());
}

std::vector<double> RewardsOf(ComparedSamples& side, Measurer& all) {
  const SampleSet& samples = side.Images();
  return all.reward_model().Rewards(samples.values, samples.sample_shape(), all.texts(),
                                    all.threads());
}

std::vector<double> Reward(Measurer& all) { return RewardsOf(all.samples(), all); }

// Bradley and Terry's probability that the sample is preferred to its partner.
std::vector<double> WinRate(Measurer& all) {
  std::vector<double> values = RewardsOf(all.samples(), all);
  const std::vector<double> partners = RewardsOf(all.Paired(), all);
  const double scale = all.reward_model().logits_per_unit();
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = 1 / (1 + std::exp(scale * (partners[i] - values[i])));
  }
  return values;
}

// CLIP's names belong to CLIP.
const AlignmentEncoder& Clip(Measurer& all) {
  const AlignmentEncoder& encoder = all.encoder();
  if (!encoder.is_clip()) {
    throw Error(ErrorCode::kUsage, "--text-encoder " + encoder.name(), "is not CLIP",
                "this metric is CLIP's; text_similarity is any encoder's cosine");
  }
  return encoder;
}

std::vector<double> ClipSimilarity(Measurer& all) {
  Clip(all);
  if (all.samples().raw().dimensions() != 4) all.samples().Refuse("images; clipsim is of clips");
  return TextSimilarity(all);
}

std::vector<double> ClipScore(Measurer& all) {
  std::vector<double> values = ClipSimilarity(all);
  for (double& value : values) value = ClipScoreOfCosine(value);
  return values;
}

std::vector<double> ClipSim(Measurer& all) {
  Clip(all);
  all.samples().Clips();
  return TextSimilarity(all);
}

std::vector<double> ClipTemp(Measurer& all) {
  const AlignmentEncoder& encoder = Clip(all);
  const SampleSet& clips = all.samples().Clips();
  return SuccessiveFrameSimilarities(
      encoder.FrameEmbeddings(clips.values, clips.sample_shape(), all.threads()), clips.shape[1],
      encoder.dimension());
}

std::vector<double> TextAlignment(Measurer& all) {
  const SampleSet& samples = all.samples().Images();
  const CaptionedWorld& judge = all.judge();
  std::vector<double> shares;
  const auto elements = static_cast<size_t>(judge.elements());
  for (int64_t i = 0; i < samples.count(); ++i) {
    shares.push_back(judge.Alignment(all.texts()[i % all.texts().size()],
                                     std::span(samples.values).subspan(i * elements, elements)));
  }
  return shares;
}

std::vector<NamedValues> CaptionAccuracy(Measurer& all) {
  return JudgeColumns(all.judge(), all.texts(), all.samples().Images().values);
}

using Needs = MetricNeeds;

const MetricRow kRows[] = {
    {"text_similarity",
     "1",
     Needs::kEncoder,
     "cosine of sample and text, mean over frames",
     {.one_a_pair = TextSimilarity}},
    {"clip_similarity",
     "1",
     Needs::kEncoder,
     "the same of images by CLIP",
     {.one_a_pair = ClipSimilarity}},
    {"clip_score", "1", Needs::kEncoder, "2.5 max(cosine, 0) by CLIP", {.one_a_pair = ClipScore}},
    {"clipsim", "1", Needs::kEncoder, "text_similarity of clips by CLIP", {.one_a_pair = ClipSim}},
    {"clip_temp",
     "1",
     Needs::kEncoder,
     "cosine of successive frames by CLIP",
     {.one_a_pair = ClipTemp}},
    {"reward",
     "logit",
     Needs::kRewardModel,
     "reward of sample and text: a difference is the log odds of being preferred",
     {.one_a_pair = Reward}},
    {"win_rate",
     "1",
     Needs::kRewardPairs,
     "probability of being preferred to the pair's other sample, by their rewards",
     {.one_a_pair = WinRate}},
    {"text_alignment",
     "1",
     Needs::kJudge,
     "share of the text's attributes that a sample shows",
     {.one_a_pair = TextAlignment}},
    {"caption_accuracy",
     "1",
     Needs::kJudge,
     "the same by attribute, and all at once",
     {.several = CaptionAccuracy}},
};

}  // namespace

std::span<const MetricRow> TextMetricRows() { return kRows; }

}  // namespace tmpq
