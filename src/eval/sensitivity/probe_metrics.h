// What the samples of a probe are worth, one value a sample: errors against the float model's from
// the same noise, and the metrics that layers are told apart by.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/eval/driver/search_bench.h"
#include "src/eval/sensitivity/sensitivity_table.h"

namespace tmpq {

class ProbeMetrics {
 public:
  // `wanted`: names with commas, empty: all that the model has; squared_error and next_step_error
  // always. `with_psnr`: the base is no float model, whose PSNR to itself is infinite. The bench's
  // sampler is open, and it outlives this. Throws kUsage for one that the model has not.
  ProbeMetrics(const SearchBench& bench, const std::string& wanted, bool with_psnr);

  // In the table's order.
  const std::vector<SensitivityMetric>& metrics() const { return metrics_; }
  bool Has(const std::string& name) const;
  // The float model's samples of the same noise.
  void SetReference(const std::vector<float>& samples);
  // By metric, one value a sample; after SetReference. Without next_step_error and psnr.
  std::map<std::string, std::vector<double>> Of(const std::vector<float>& samples) const;

 private:
  // Values that need no reference: text_similarity, text_alignment, frame_difference.
  std::map<std::string, std::vector<double>> OwnValues(const std::vector<float>& samples) const;

  const SearchBench& bench_;
  std::vector<SensitivityMetric> metrics_;
  std::vector<float> reference_, features_;
  std::map<std::string, std::vector<double>> values_;  // OwnValues of the reference
};

}  // namespace tmpq
