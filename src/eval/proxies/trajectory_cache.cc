#include "src/eval/proxies/trajectory_cache.h"

#include <map>
#include <string>
#include <type_traits>
#include <utility>

namespace tmpq {
namespace {

int64_t BytesOf(const SamplerState& state) {
  size_t floats = state.samples.size() + state.accepted.size();
  for (const std::vector<float>& past : state.history) floats += past.size();
  return static_cast<int64_t>(floats * sizeof(float));
}

template <typename T>
void Append(std::string& bytes, const T& value) {
  static_assert(std::is_arithmetic_v<T>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Everything of a call that its result hangs on but for the state: the rule's coefficients, which
// know the next timestep, and the network's timestep and bit-widths.
void AppendCall(std::string& bytes, const SolverCall& call, const Candidate& candidate) {
  const auto list = [&](const auto& values) {
    for (const double value : values) Append(bytes, value);
  };
  Append(bytes, candidate.timesteps()[call.step]);
  for (const BitWidth width : candidate.policy(call.step)) Append(bytes, width.bits());
  list(std::initializer_list<double>{call.convert_sample, call.convert_output, call.keep, call.take,
                                     call.base, call.noise, call.noise_span});
  list(call.accept), list(call.advance);
}

}  // namespace

std::vector<Hash128> TrajectoryCache::KeysOf(const DiffusionSampler& sampler,
                                             const Candidate& candidate,
                                             const SampleRequest& request) {
  const std::vector<SolverCall> calls =
      MakeSolver(sampler.schedule(), sampler.settings(), candidate.timesteps());
  bool simple = true;  // states of runs that look back hold more
  for (const SolverCall& call : calls) simple = simple && call.IsSimple();
  std::string bytes;
  Append(bytes, simple), Append(bytes, request.seed);
  Append(bytes, static_cast<int>(request.purpose));
  Append(bytes, request.first), Append(bytes, request.count);
  std::vector<Hash128> keys = {HashString(bytes)};
  for (const SolverCall& call : calls) {
    bytes.clear();
    Append(bytes, keys.back().high), Append(bytes, keys.back().low);
    AppendCall(bytes, call, candidate);
    keys.push_back(HashString(bytes));
  }
  return keys;
}

void TrajectoryCache::Clear() {
  entries_.clear(), uses_.clear();
  bytes_ = 0;
}

void TrajectoryCache::Touch(Entry& entry) { uses_.splice(uses_.begin(), uses_, entry.use); }

void TrajectoryCache::Keep(const Hash128& key, SamplerState state) {
  const int64_t bytes = BytesOf(state);
  if (bytes > limit_bytes_) return;
  uses_.push_front(key);
  entries_[key] = {std::move(state), uses_.begin()};
  bytes_ += bytes;
  while (bytes_ > limit_bytes_) {
    const auto last = entries_.find(uses_.back());
    bytes_ -= BytesOf(last->second.state);
    entries_.erase(last);
    uses_.pop_back();
  }
}

std::vector<float> TrajectoryCache::Sample(const DiffusionSampler& sampler,
                                           const Candidate& candidate, const SamplingRun& run,
                                           const SampleRequest& request,
                                           const SamplerOptions& options) {
  const std::vector<Hash128> keys = KeysOf(sampler, candidate, request);
  const int end = static_cast<int>(keys.size()) - 1;
  const int64_t calls = request.count * sampler.calls_per_step();
  SamplerOptions rest = options;
  SamplerState start;  // a copy: what is kept below may push it out
  for (int k = end - 1; k > 0; --k) {
    const auto found = entries_.find(keys[k]);
    if (found == entries_.end()) continue;
    start = found->second.state;
    rest.start = &start, rest.first_call = k;
    break;
  }
  const int first = rest.first_call;
  calls_ += (end - first) * calls, calls_saved_ += first * calls;
  std::map<int, SamplerState> states;
  for (int k = first + 1; k < end && limit_bytes_ > 0; ++k) states[k] = {};
  rest.states = &states;
  std::vector<float> samples = sampler.Sample(run, request, rest);
  // The earlier a state, the more candidates share it: it is to be given up later.
  for (auto state = states.rbegin(); state != states.rend(); ++state) {
    Keep(keys[state->first], std::move(state->second));
  }
  for (int k = first; k > 0; --k) {
    const auto found = entries_.find(keys[k]);
    if (found != entries_.end()) Touch(found->second);
  }
  return samples;
}

}  // namespace tmpq
