// Which training timesteps a sampler visits, and the groups that they are chosen from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tmpq {

// Strictly decreasing training timesteps in [0, T); element 0 is the noisiest and is visited first.
class TimestepSequence {
 public:
  TimestepSequence() = default;
  // Throws kUsage unless strictly decreasing, non-empty and within [0, training_steps).
  TimestepSequence(std::vector<int> timesteps, int training_steps);

  int size() const { return static_cast<int>(timesteps_.size()); }
  int operator[](int step) const { return timesteps_[step]; }
  const std::vector<int>& values() const { return timesteps_; }
  bool operator==(const TimestepSequence&) const = default;

 private:
  std::vector<int> timesteps_;
};

enum class Grouping { kQuadratic, kUniform };
Grouping ParseGrouping(const std::string& name);
const char* NameOf(Grouping grouping);

// A partition of [0, T) into N consecutive groups; group 0 begins at timestep 0 (the clean end).
class TimestepGroups {
 public:
  // Quadratic (TMPQ-DM): group i begins at floor((i / (N-1) * sqrt(0.8 T))^2), in exact integer
  // arithmetic: floor(i^2 * 4T / (5 (N-1)^2)). N = 1 is the whole range. Refuses (kUsage) an N
  // whose groups would be empty: for T = 1000 every N > 29. Uniform: group i begins at floor(i * T
  // / N).
  static TimestepGroups Make(Grouping grouping, int count, int training_steps);

  int count() const { return static_cast<int>(begins_.size()); }
  int begin(int group) const { return begins_[group]; }
  int end(int group) const { return group + 1 < count() ? begins_[group + 1] : training_steps_; }
  bool Contains(int group, int timestep) const {
    return begin(group) <= timestep && timestep < end(group);
  }
  int size(int group) const { return end(group) - begin(group); }
  int training_steps() const { return training_steps_; }
  // The first timestep of each group, as a sequence: the DDIM "quad" schedule for quadratic groups.
  TimestepSequence FirstOfEach() const;

 private:
  std::vector<int> begins_;
  int training_steps_ = 0;
};

// Evenly spaced timesteps ending at the clean end, as DDIM's "leading" spacing shifted to reach T -
// 1: t_k = floor((k + 1) * T / S) - 1 for k = S-1 .. 0. S = 1 gives {T - 1}.
TimestepSequence UniformTimesteps(int steps, int training_steps);

}  // namespace tmpq
