// Metrics of samples in files, by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/eval/files/sample_set.h"
#include "src/metrics/estimate.h"
#include "src/metrics/feature_extractor.h"
#include "src/metrics/feature_statistics.h"
#include "src/metrics/resize.h"

namespace tmpq {

// What is compared. The feature network outlives it.
struct FileComparison {
  SampleSet samples;
  std::optional<SampleSet> reference;           // samples to compare with, or
  std::optional<FeatureStatistics> statistics;  // their features' moments
  const FeatureExtractor* features = nullptr;   // turns images into features
  std::optional<ResizeFilter> resize;           // images to the network's size
  uint64_t seed = 0;                            // of subsets
};

struct FileMetric {
  std::string name, unit;
  Estimate estimate;
};

// One line a metric for --help: name, what it needs, what it is.
std::string FileMetricHelp();

// The names of a comma-separated list, checked. Throws kUsage listing the known ones.
std::vector<std::string> ParseFileMetrics(const std::string& list);

// Measures in the order of `names`. A name delta_NAME is the paired difference of a measure of
// single samples, `samples` minus `reference`, row i of both from the same noise. Throws kUsage
// where a metric needs what the comparison lacks, kInput for samples that do not fit.
std::vector<FileMetric> MeasureFiles(FileComparison comparison,
                                     const std::vector<std::string>& names);

}  // namespace tmpq
