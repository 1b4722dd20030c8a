// What a plan may cost.
#pragma once

#include <map>
#include <string>

#include "src/plan/costs.h"

namespace tmpq {

// What limits are relative to: a network sampled at the reference number of steps.
struct BudgetReference {
  const SiteTable* table = nullptr;
  int steps = 0;
  int training_steps = 0;
  int calls_per_step = 1;
  bool timed = false;  // there is a latency table
};

class Budget {
 public:
  Budget() = default;  // no limit
  // Parts with commas, each naming another cost:
  //   4bit (2 to 8)   BitOps of the whole run at most those of uniform W4A4 at the reference steps
  //   w4a8            average weight bits at most 4 and average activation bits at most 8
  //   bitops=0.25x    BitOps relative to uniform W8A8 at the reference steps
  //   size=2MB        stored bytes (B, kB, MB, KiB, MiB)
  //   memory=4MB      stored bytes and activations of the timed batch; timed networks alone
  //   latency=15ms    of sampling that batch (us, ms, s); likewise
  // Throws kUsage for anything else.
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
