// Metrics of samples in files, by name.
#pragma once

#include <string>
#include <vector>

#include "src/eval/files/file_comparison.h"
#include "src/metrics/estimate.h"

namespace tmpq {

struct FileMetric {
  std::string name, unit;
  Estimate estimate;
};

// One line a metric for --help: name, what it needs, what it is.
std::string FileMetricHelp();

// The names of a comma-separated list, checked. Throws kUsage listing the known ones.
std::vector<std::string> ParseFileMetrics(const std::string& list);

// Measures in the order of `names`; with InceptionV3, results are called fid, fid_infinity, sfid
// and inception_score. A name delta_NAME is the paired difference of a measure of single samples,
// `samples` minus `reference`, row i of both from the same noise. Throws kUsage where a metric
// needs what the comparison lacks, kInput for samples that do not fit.
std::vector<FileMetric> MeasureFiles(FileComparison comparison,
                                     const std::vector<std::string>& names);

}  // namespace tmpq
