#include "src/metrics/embedding_similarity.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

using Vector = std::span<const float>;

double Dot(Vector a, Vector b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double Cosine(Vector a, Vector b) {
  const double lengths = std::sqrt(Dot(a, a)) * std::sqrt(Dot(b, b));
  return lengths == 0.0 ? 0.0 : Dot(a, b) / lengths;
}

// For each clip: the mean of `similarity` (clip index, vectors of the clip's frames, frame) over
// frames from `first` on.
template <typename Similarity>
std::vector<double> MeanOverFrames(Vector frames, int64_t frame_count, int64_t dimension,
                                   int64_t first, Similarity&& similarity) {
  TMPQ_CHECK(frame_count > first && dimension > 0 && frames.size() % (frame_count * dimension) == 0,
             "embeddings do not fit the number of frames");
  std::vector<double> means;
  for (size_t at = 0; at < frames.size(); at += frame_count * dimension) {
    const auto frame = [&](int64_t f) { return frames.subspan(at + f * dimension, dimension); };
    double sum = 0.0;
    for (int64_t f = first; f < frame_count; ++f)
      sum += similarity(static_cast<int64_t>(means.size()), frame, f);
    means.push_back(sum / static_cast<double>(frame_count - first));
  }
  return means;
}

}  // namespace

std::vector<double> CosineSimilarities(std::span<const float> a, std::span<const float> b,
                                       int64_t dimension) {
  TMPQ_CHECK(dimension > 0 && a.size() == b.size() && a.size() % dimension == 0,
             "embeddings to compare differ in size");
  std::vector<double> cosines;
  for (size_t at = 0; at < a.size(); at += dimension)
    cosines.push_back(Cosine(a.subspan(at, dimension), b.subspan(at, dimension)));
  return cosines;
}

double ClipScoreOfCosine(double cosine) { return 2.5 * std::max(cosine, 0.0); }

std::vector<double> FrameTextSimilarities(std::span<const float> frames,
                                          std::span<const float> texts, int64_t frame_count,
                                          int64_t dimension) {
  TMPQ_CHECK(texts.size() * frame_count == frames.size(), "there is not one text a clip");
  return MeanOverFrames(frames, frame_count, dimension, 0,
                        [&](int64_t clip, const auto& frame, int64_t f) {
                          return Cosine(frame(f), texts.subspan(clip * dimension, dimension));
                        });
}

std::vector<double> SuccessiveFrameSimilarities(std::span<const float> frames, int64_t frame_count,
                                                int64_t dimension) {
  return MeanOverFrames(
      frames, frame_count, dimension, 1,
      [](int64_t, const auto& frame, int64_t f) { return Cosine(frame(f - 1), frame(f)); });
}

std::vector<double> FrameConsistencies(std::span<const float> frames, int64_t frame_count,
                                       int64_t dimension) {
  return MeanOverFrames(frames, frame_count, dimension, 1,
                        [](int64_t, const auto& frame, int64_t f) {
                          return (Cosine(frame(0), frame(f)) + Cosine(frame(f - 1), frame(f))) / 2;
                        });
}

}  // namespace tmpq
