// Adds up wall time by stage.
#pragma once

#include <chrono>
#include <map>
#include <string>

namespace tmpq {

class StageClock {
 public:
  // `seconds` outlives it.
  explicit StageClock(std::map<std::string, double>& seconds) : seconds_(seconds) {}

  // Ends the stage before.
  void Begin(const std::string& stage) {
    End();
    stage_ = stage;
    begin_ = Clock::now();
  }
  void End() {
    if (!stage_.empty())
      seconds_[stage_] += std::chrono::duration<double>(Clock::now() - begin_).count();
    stage_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::map<std::string, double>& seconds_;
  std::string stage_;
  Clock::time_point begin_;
};

}  // namespace tmpq
