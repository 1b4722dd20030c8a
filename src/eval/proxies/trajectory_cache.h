// Candidates that begin alike share the beginning of their trajectories: a tree of states, by all
// that they depend on, within a limit of memory.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "src/core/hash.h"
#include "src/plan/candidate.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Of one sampler, weight table and list of conditions. Samples are those that sampling without it
// gives, byte for byte; what it holds is the samples between two network calls, the least recently
// used given up first. Not thread-safe.
class TrajectoryCache {
 public:
  // 0 bytes: holds nothing.
  explicit TrajectoryCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Samples of `candidate`, whose prepared run is `run`. What it sees of `options`: no calls,
  // states or start of its own.
  std::vector<float> Sample(const DiffusionSampler& sampler, const Candidate& candidate,
                            const SamplingRun& run, const SampleRequest& request,
                            const SamplerOptions& options);

  // Network calls, times samples, that Sample made, and that it found done.
  int64_t calls() const { return calls_; }
  int64_t calls_saved() const { return calls_saved_; }
  int64_t bytes() const { return bytes_; }
  // Holds nothing from now on; the counts stay.
  void Clear();

 private:
  struct Entry {
    SamplerState state;
    std::list<Hash128>::iterator use;
  };
  // What the state before call k is a function of, hashed, k = 0 .. calls.
  static std::vector<Hash128> KeysOf(const DiffusionSampler& sampler, const Candidate& candidate,
                                     const SampleRequest& request);
  void Touch(Entry& entry);
  void Keep(const Hash128& key, SamplerState state);

  int64_t limit_bytes_, bytes_ = 0;
  std::unordered_map<Hash128, Entry> entries_;
  std::list<Hash128> uses_;  // the most recent first
  int64_t calls_ = 0, calls_saved_ = 0;
};

}  // namespace tmpq
