// A point of the search space: which timesteps, and which bit-widths at each of them.
#pragma once

#include <string>
#include <vector>

#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/plan/bit_width.h"
#include "src/plan/quant_site.h"
#include "src/plan/timesteps.h"

namespace tmpq {

// One bit-width per site, in site order.
using Policy = std::vector<BitWidth>;

// Canonical by construction: equal candidates have equal bytes, and only they do.
class Candidate {
 public:
  // `step_policies` has one policy per step. Duplicates are merged; policies are numbered in order
  // of first use. Throws kUsage when lengths do not fit.
  static Candidate Make(TimestepSequence timesteps, const std::vector<Policy>& step_policies);
  // The same policy at every step.
  static Candidate Uniform(TimestepSequence timesteps, Policy policy);

  const TimestepSequence& timesteps() const { return timesteps_; }
  int steps() const { return timesteps_.size(); }
  const std::vector<Policy>& policies() const { return policies_; }
  // Which of policies() step k uses.
  int policy_index(int step) const { return policy_of_step_[step]; }
  const Policy& policy(int step) const { return policies_[policy_of_step_[step]]; }

  // The canonical bytes: what is compared and hashed.
  const std::string& bytes() const { return bytes_; }
  Hash128 hash() const { return HashString(bytes_); }
  bool operator==(const Candidate& other) const { return bytes_ == other.bytes_; }
  bool operator<(const Candidate& other) const { return bytes_ < other.bytes_; }

 private:
  TimestepSequence timesteps_;
  std::vector<Policy> policies_;
  std::vector<int> policy_of_step_;
  std::string bytes_;
};

// {"timesteps": [...], "policies": [[bits...], ...], "policy_of_step": [...]}; Float is 32.
Json CandidateToJson(const Candidate& candidate);
// Inverse; throws kInput naming `where` for anything that is not a candidate of `training_steps`,
// `sites`.
Candidate CandidateFromJson(const Json& json, int training_steps, size_t sites,
                            const std::string& where);

// "Uniform WbAb": weights w bits, activations, queries, keys and values a bits, softmax 8; sites
// that a recipe keeps in float are Float. Float weights or activations make a product float: it is
// refused to mix; both or none.
Policy UniformPolicy(const SiteTable& table, BitWidth weight, BitWidth activation);

}  // namespace tmpq
