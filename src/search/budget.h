// What a plan may cost.
#pragma once

#include <map>
#include <string>

#include "src/plan/costs.h"

namespace tmpq {

// Names of costs, as in files and reports.
inline constexpr const char* kBitOps = "bitops";
inline constexpr const char* kAverageWeightBits = "average_weight_bits";
inline constexpr const char* kAverageActivationBits = "average_activation_bits";
inline constexpr const char* kStoredBytes = "bytes";

// A cost by its name; `name` is one of the above.
double CostByName(const Costs& costs, const std::string& name);

// What limits are relative to: a network sampled at the reference number of steps.
struct BudgetReference {
  const SiteTable* table = nullptr;
  int steps = 0;
  int training_steps = 0;
  int calls_per_step = 1;
};

class Budget {
 public:
  Budget() = default;  // no limit
  // Parts with commas, each naming another cost:
  //   4bit            BitOps of the whole run at most those of uniform W4A4 at the reference steps
  //   (2..8) w4a8            average weight bits <= 4 and average activation bits <= 8 bitops=0.25x
  //   BitOps relative to uniform W8A8 at the reference steps size=2MB        stored bytes (B, kB,
  //   MB, KiB, MiB)
  // Throws kUsage for anything else, kUnsupported for latency.
  static Budget Parse(const std::string& text, const BudgetReference& reference);
  // Limits by name of cost, each one of the above.
  static Budget Of(std::map<std::string, double> limits);

  // Limit by name of cost.
  const std::map<std::string, double>& limits() const { return limits_; }
  // The same limits times `share`.
  Budget Scaled(double share) const;
  bool Fits(const Costs& costs) const;
  // "bitops 5e9 > 4e9", or empty when everything fits.
  std::string Excess(const Costs& costs) const;

 private:
  void ParsePart(const std::string& part, const std::string& text,
                 const BudgetReference& reference);
  void Limit(const std::string& cost, double limit, const std::string& text);

  std::map<std::string, double> limits_;
};

}  // namespace tmpq
