// What narrowing each site alone does to the samples: measured once, for any budget.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/eval/proxies/measurement_names.h"
#include "src/plan/candidate.h"
#include "src/search/allocation/probes.h"

namespace tmpq {

// Names of metrics, beside those of src/eval/proxies/measurement_names.h; every table has the first
// two.
inline constexpr const char* kSquaredError = "squared_error";
inline constexpr const char* kNextStepError = "next_step_error";
inline constexpr const char* kPsnr = "psnr";
inline constexpr const char* kFeatureError = "feature_error";
inline constexpr const char* kSsimError = "ssim_error";
inline constexpr const char* kFrameDifference = "frame_difference";
// "text_similarity", say, as mean distance of the samples' values to those of the float model's
// samples: the change of the mean drowns in noise at few samples, this does not.
inline constexpr const char* kDeparture = "_departure";

struct SensitivityMetric {
  std::string name, units, meaning;
};

// A mean over samples with its standard error.
struct MeanChange {
  double value = 0, standard_error = 0;
};

// One site at one bit-width, in one range of timesteps or in all: the change to the base.
struct SensitivityRow {
  static constexpr int kAllRanges = -1;

  int site = 0;
  BitWidth width;
  int range = kAllRanges;           // range 0 begins at timestep 0, the clean end
  std::vector<MeanChange> changes;  // by metric
};

struct SensitivityTable {
  std::string model;                          // its name
  std::map<std::string, std::string> hashes;  // of the artefacts: model, recipe, ..
  std::string config_text;
  std::vector<QuantSite> sites;
  Policy base;  // what all other sites had
  TimestepSequence timesteps;
  int training_steps = 0;
  std::vector<int> range_begins = {0};  // first timesteps, ascending
  int64_t samples = 0;
  std::vector<SensitivityMetric> metrics;
  std::vector<MeanChange> base_values;  // by metric: of the base itself
  std::vector<SensitivityRow> rows;     // by site, width, range: all ranges first

  // Throws kUsage listing the metrics that there are.
  size_t MetricIndex(const std::string& name) const;
  bool HasMetric(const std::string& name) const;
};

// The damages of one range, or of SensitivityRow::kAllRanges: changes of `metric_of_site` (an index
// of table.metrics, by site), each with one standard error more, at every bit-width of `choices`;
// the base's own has none. Without the standard error many a change is below 0 by noise, and
// solvers take these for gifts. A table of one range answers for it with its rows of all. Throws
// kInput naming a site and a bit-width that were not measured, or whose change is no number.
Sensitivities DamagesOf(const SensitivityTable& table, const std::vector<size_t>& metric_of_site,
                        int range, const std::vector<std::vector<BitWidth>>& choices,
                        const std::string& where);

// The bit-widths that a table knows of weights, or of activations, q, k and v, ascending: the
// base's, and those measured. Float of inputs of integer weights alone.
std::vector<int> MeasuredBits(const SensitivityTable& table, bool of_weights);

// Throws kInput unless the table is of this model, recipe and sites. `where` names its file.
void CheckTable(const SensitivityTable& table, const std::map<std::string, std::string>& hashes,
                const SiteTable& sites, const std::string& where);

}  // namespace tmpq
