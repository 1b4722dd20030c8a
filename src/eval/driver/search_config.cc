#include "src/eval/driver/search_config.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/search/algorithms.h"
#include "src/search/space_settings.h"

namespace tmpq {
namespace {

constexpr int kMaxSteps = 1000;
constexpr int kMaxCandidates = 100'000;
constexpr int kMaxSamples = 1'000'000;

// `floats`: 32 stands for none.
void CheckBits(const std::string& name, std::vector<int>& bits, bool floats = false) {
  if (bits.empty()) throw Error(ErrorCode::kUsage, name, "is empty", "for example 3,4,5,6,8");
  for (const int b : bits) {
    if (floats && b == BitWidth::kFloatBits) continue;
    if (floats && (b < 2 || b > 8)) {
      throw Error(ErrorCode::kUsage, name, std::to_string(b) + " is out of range",
                  "2 to 8, or 32 for float inputs");
    }
    CheckRange(name, b, 2, 8);
  }
  std::sort(bits.begin(), bits.end());
  if (std::adjacent_find(bits.begin(), bits.end()) != bits.end()) {
    throw Error(ErrorCode::kUsage, name, "names a bit-width twice");
  }
}

}  // namespace

std::vector<std::string> SearchConfig::Minimized() const {
  return ParseObjectives("minimize", minimize);
}

std::string SearchConfig::SelectedBy() const {
  return LossKindOf("select_by", select_by).measurement;
}

void SearchConfig::CheckMinimized() const {
  const std::vector<std::string> minimized = Minimized();
  if (algorithm != "nsga2" && MeasurementsAmong(minimized).size() > 1) {
    throw Error(ErrorCode::kUsage, "minimize",
                "names more than one loss, and algorithm " + algorithm + " minimises one",
                "algorithm nsga2, or a loss and costs");
  }
  const bool of_distance =
      std::find(minimized.begin(), minimized.end(), kDistance) != minimized.end();
  if (of_distance && probe_samples > 0) {
    throw Error(ErrorCode::kUsage, "probe_samples", "are too few for a distance",
                "0 where distance is minimised");
  }
  if (minimized.front() != kTrajectoryError && !sensitivity.empty()) {
    throw Error(ErrorCode::kUsage, "sensitivity", "is a table of errors, which are not minimised",
                "minimize = error, or no table");
  }
}

void SearchConfig::Validate() {
  CheckRange("steps", steps.least, 1, kMaxSteps);
  CheckRange("steps", steps.most, 1, kMaxSteps);
  if (optimize != kOptimizeJoint && optimize != kOptimizeTimesteps && optimize != kOptimizeBits) {
    throw Error(ErrorCode::kUsage, "optimize", "\"" + optimize + "\" is unknown",
                "joint, timesteps or bits");
  }
  CheckAlgorithm(algorithm);
  SelectedBy();
  if (!objectives.empty()) ParseObjectives("objectives", objectives);
  CheckMinimized();
  ParseSiteTies(ties);
  CheckBits("weight_bits", weight_bits);
  CheckBits("activation_bits", activation_bits, /*floats=*/true);
  ParseBitsOfGroups(group_bits);
  CheckBits("probe_bits", probe_bits);
  CheckRange("population", population, 1, kMaxCandidates);
  CheckRange("generations", generations, 1, kMaxCandidates);
  CheckRange("parents", parents, 1, population);
  CheckRange("mutants", mutants, 0, population);
  CheckRange("crossovers", crossovers, 0, population - mutants);
  CheckRange("mutation_probability", mutation_probability, 0, 1);
  CheckRange("initial_mutation_probability", initial_mutation_probability, 0, 1);
  CheckRange("trajectory_steps", trajectory_steps, 1, kMaxSteps);
  CheckRange("trajectory_samples", trajectory_samples, 1, kMaxSamples);
  CheckRange("probe_samples", probe_samples, 0, trajectory_samples - 1);
  if (early_termination != 0) {
    CheckRange("early_termination", early_termination, 1, 1e6);
    CheckRange("probe_samples of an early termination", probe_samples, 1, trajectory_samples - 1);
  }
  CheckRange("metric_samples", metric_samples, 2, kMaxSamples);
  CheckRange("metric_candidates", metric_candidates, 1, population);
  CheckRange("selection_candidates", selection_candidates, 1, kMaxCandidates);
  CheckRange("selection_samples", selection_samples, 2, kMaxSamples);
  CheckRange("report_samples", report_samples, 2, kMaxSamples);
  CheckRange("converged_samples", converged_samples, 2, report_samples);
}

}  // namespace tmpq
