#include "src/eval/files/metric_rows.h"

namespace tmpq {

std::vector<double> MeanOfFrames(const std::vector<double>& values, int64_t count) {
  const auto frames = static_cast<int64_t>(values.size()) / count;
  std::vector<double> means(count, 0.0);
  for (size_t i = 0; i < values.size(); ++i) means[i / frames] += values[i];
  for (double& mean : means) mean /= static_cast<double>(frames);
  return means;
}

std::span<const MetricRow> MetricRows() {
  static const std::vector<MetricRow> rows = [] {
    std::vector<MetricRow> all;
    for (const auto family :
         {DistributionMetricRows(), PairMetricRows(), TextMetricRows(), SampleMetricRows()}) {
      all.insert(all.end(), family.begin(), family.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace tmpq
