#include "src/eval/sensitivity/sensitivity_config.h"

#include "src/core/config.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr int kMostRanges = 64;
constexpr int kMostSamples = 1'000'000;

}  // namespace

void SensitivityConfig::Validate() {
  search.weight_bits = search.activation_bits = bits;
  if (!activation_bits.empty()) {
    ApplyValues(search, {{"activation_bits", activation_bits}}, "sensitivity");
  }
  search.budget = "bitops=100x";  // nothing is chosen here
  search.trajectory_samples = samples;
  search.Validate();
  bits = search.weight_bits;
  CheckRange("ranges", ranges, 1, kMostRanges);
  CheckRange("samples", samples, 2, kMostSamples);
  if (base != "widest" && base != "float") {
    throw Error(ErrorCode::kUsage, "base", "\"" + base + "\" is unknown", "widest or float");
  }
}

}  // namespace tmpq
