// Metrics of samples by name, with their intervals; of files, and of what a model samples.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/eval/files/file_comparison.h"
#include "src/eval/files/metric_rows.h"
#include "src/metrics/estimate.h"

namespace tmpq {

struct FileMetric {
  std::string name, unit;
  Estimate estimate;
};

// {name: {value, low, high, n, unit}}; numbers that are not finite are null.
Json MetricsToJson(const std::vector<FileMetric>& metrics);

// One line a metric for --help: name, what it needs, what it is.
std::string FileMetricHelp();

// The names of a comma-separated list, checked; `more`: names that the caller knows besides. Throws
// kUsage listing the known ones.
std::vector<std::string> ParseFileMetrics(const std::string& list,
                                          const std::set<std::string>& more = {});

// What these metrics look at; a delta_NAME needs pairs besides. Names of others need nothing.
std::set<MetricNeeds> NeedsOf(const std::vector<std::string>& names);

// Measures in the order of `names`; with InceptionV3, results are called fid, fid_infinity, sfid
// and inception_score, with I3D fvd, fvd_infinity and fvd_float. A name delta_NAME is the paired
// difference of a measure of single samples, `samples` minus `reference`, row i of both from the
// same noise. Throws kUsage where a metric needs what the comparison lacks, kInput for samples that
// do not fit.
std::vector<FileMetric> MeasureFiles(Measurer& all, const std::vector<std::string>& names);

// What results of a metric may be called: its own name, and those with published networks.
std::vector<std::string> ResultNamesOf(const std::string& metric);

// Each metric of `a` minus that of `b`, whose samples were made from the same noise, with the
// interval of the difference; metrics that do not pair are left out.
std::vector<FileMetric> MeasureDifferences(Measurer& a, Measurer& b,
                                           const std::vector<std::string>& names);

}  // namespace tmpq
