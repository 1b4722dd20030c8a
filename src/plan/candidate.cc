#include "src/plan/candidate.h"

#include <algorithm>
#include <map>

#include "src/core/error.h"

namespace tmpq {
namespace {

void AppendU32(std::string& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes.push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

Candidate Candidate::Make(TimestepSequence timesteps, const std::vector<Policy>& step_policies) {
  if (step_policies.size() != static_cast<size_t>(timesteps.size()) || step_policies.empty()) {
    throw Error(ErrorCode::kUsage, "candidate", "needs one policy per step");
  }
  Candidate candidate;
  candidate.timesteps_ = std::move(timesteps);
  std::map<Policy, int> index_of;
  for (const Policy& policy : step_policies) {
    if (policy.size() != step_policies.front().size()) {
      throw Error(ErrorCode::kUsage, "candidate", "has policies of different lengths");
    }
    const auto [found, is_new] =
        index_of.emplace(policy, static_cast<int>(candidate.policies_.size()));
    if (is_new) candidate.policies_.push_back(policy);
    candidate.policy_of_step_.push_back(found->second);
  }
  // Canonical bytes: version, counts, timesteps, policy of each step, policies; 32-bit
  // little-endian.
  std::string& bytes = candidate.bytes_;
  AppendU32(bytes, 1);
  AppendU32(bytes, candidate.steps());
  AppendU32(bytes, candidate.policies_.size());
  AppendU32(bytes, step_policies.front().size());
  for (const int timestep : candidate.timesteps_.values()) AppendU32(bytes, timestep);
  for (const int index : candidate.policy_of_step_) AppendU32(bytes, index);
  for (const Policy& policy : candidate.policies_) {
    for (const BitWidth width : policy) bytes.push_back(static_cast<char>(width.bits()));
  }
  return candidate;
}

Candidate Candidate::Uniform(TimestepSequence timesteps, Policy policy) {
  const std::vector<Policy> policies(timesteps.size(), std::move(policy));
  return Make(std::move(timesteps), policies);
}

Json CandidateToJson(const Candidate& candidate) {
  Json policies = Json::array();
  for (const Policy& policy : candidate.policies()) {
    Json row = Json::array();
    for (const BitWidth width : policy) row.push_back(width.bits());
    policies.push_back(std::move(row));
  }
  Json policy_of_step = Json::array();
  for (int k = 0; k < candidate.steps(); ++k) policy_of_step.push_back(candidate.policy_index(k));
  return {{"timesteps", candidate.timesteps().values()},
          {"policies", std::move(policies)},
          {"policy_of_step", std::move(policy_of_step)}};
}

Candidate CandidateFromJson(const Json& json, int training_steps, size_t sites,
                            const std::string& where) {
  const auto rows = JsonGet<std::vector<std::vector<int>>>(json, "policies", where);
  const auto policy_of_step = JsonGet<std::vector<int>>(json, "policy_of_step", where);
  std::vector<Policy> step_policies;
  for (const int index : policy_of_step) {
    if (index < 0 || index >= static_cast<int>(rows.size()) || rows[index].size() != sites) {
      throw Error(
          ErrorCode::kInput, where,
          "policies do not fit the steps or the network's " + std::to_string(sites) + " sites");
    }
    Policy policy;
    for (const int bits : rows[index]) policy.push_back(BitWidth::Of(bits));
    step_policies.push_back(std::move(policy));
  }
  return Candidate::Make(
      TimestepSequence(JsonGet<std::vector<int>>(json, "timesteps", where), training_steps),
      step_policies);
}

Policy UniformPolicy(const SiteTable& table, BitWidth weight, BitWidth activation) {
  TMPQ_CHECK(activation.is_float() || !weight.is_float(), "float weights have float inputs");
  Policy policy;
  for (const QuantSite& site : table.sites) {
    if (site.keep_float) {
      policy.push_back(BitWidth::Float());
      continue;
    }
    switch (site.kind) {
      case SiteKind::kWeight:
        policy.push_back(weight);
        break;
      case SiteKind::kSoftmax:
        policy.push_back(activation.is_float() ? activation : BitWidth::Of(8));
        break;
      default:
        policy.push_back(activation);
    }
  }
  return policy;
}

}  // namespace tmpq
