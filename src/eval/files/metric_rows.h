// The table of metrics: what each needs, and how it is measured.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/eval/files/file_comparison.h"
#include "src/eval/proxies/prompts.h"
#include "src/metrics/estimate.h"

namespace tmpq {

// What a metric looks at beside the samples.
enum class MetricNeeds {
  kFeatures,         // of samples and reference, in one space
  kSpatialFeatures,  // given as arrays, or by a network that has maps
  kLogits,           // given as arrays, or by a network that classifies
  kPairs,            // reference sample i is sample i's own
  kPairedFeatures,   // pairs, in a feature network's space
  kFeatureMaps,      // pairs, and a network that has maps
  kEncoder,          // texts and an encoder of both
  kRewardModel,      // texts and a reward model
  kRewardPairs,      // the same, and pairs
  kJudge,            // texts of a captioned world
  kImages,
  kClips,
  kFrameFeatures,  // clips, and a network of images
};

// How a metric is measured: exactly one of whole, one_a_sample, one_a_pair and several.
struct MetricMeasure {
  Estimate (*whole)(Measurer&) = nullptr;  // of the whole comparison
  // Of `whole`: first minus second candidate, made from the same noise; null: does not pair.
  Estimate (*difference)(Measurer&, Measurer&) = nullptr;
  // One value a sample, of one side: also as delta_NAME.
  std::vector<double> (*one_a_sample)(ComparedSamples&) = nullptr;
  // One value a sample, with what belongs to it.
  std::vector<double> (*one_a_pair)(Measurer&) = nullptr;
  // The same by several names, which follow the metric's: NaN where a sample has none.
  std::vector<NamedValues> (*several)(Measurer&) = nullptr;
};

struct MetricRow {
  const char *name, *unit;
  MetricNeeds needs;
  const char* description;
  MetricMeasure measure;
};

// All of them, as help lists them. A new metric is a row of its family.
std::span<const MetricRow> MetricRows();
std::span<const MetricRow> DistributionMetricRows();
std::span<const MetricRow> PairMetricRows();
std::span<const MetricRow> TextMetricRows();
std::span<const MetricRow> SampleMetricRows();

// One value an image; for clips the mean over frames.
std::vector<double> MeanOfFrames(const std::vector<double>& values, int64_t count);

}  // namespace tmpq
