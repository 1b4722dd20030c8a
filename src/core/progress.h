// Progress as data: libraries report, programs show. Not thread-safe: report from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace tmpq {

// Where long work reports to. The base class ignores everything, which suits tests.
class Progress {
 public:
  virtual ~Progress() = default;
  // How much of `unit` all stages to come have together, about. Stages of other units do not count.
  virtual void BeginRun(int64_t /*total*/, const std::string& /*unit*/) {}
  // Starts a stage of `total` units ("images", "steps", "candidates").
  virtual void Begin(const std::string& /*stage*/, int64_t /*total*/, const std::string& /*unit*/) {
  }
  // `done` units of the current stage are finished; `note` is shown behind the bar.
  virtual void Update(int64_t /*done*/, const std::string& /*note*/ = "") {}
  virtual void End() {}
  // One line that stays on the screen.
  virtual void Log(const std::string& /*line*/) {}
};

// Draws a bar with rate and ETA on a terminal, plain lines at most every few seconds elsewhere; of
// stages of a run with the whole run's share and ETA.
class TerminalProgress : public Progress {
 public:
  // `out` outlives this object; `terminal` chooses the bar.
  TerminalProgress(std::FILE* out, bool terminal);

  void BeginRun(int64_t total, const std::string& unit) override;
  void Begin(const std::string& stage, int64_t total, const std::string& unit) override;
  void Update(int64_t done, const std::string& note = "") override;
  void End() override;
  void Log(const std::string& line) override;

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(bool final);
  std::string RunText() const;

  std::FILE* out_;
  bool terminal_;
  std::string stage_, unit_, note_;
  int64_t total_ = 0, done_ = 0;
  int64_t first_done_ = -1;  // units that were already done when the stage began (a resumed run)
  std::string run_unit_;
  int64_t run_total_ = 0;                   // 0: no run
  int64_t run_done_ = 0, run_resumed_ = 0;  // of stages that have ended; of these done before
  Clock::time_point begin_, last_draw_, run_begin_;
};

// "1h02m", "3m05s", "12.3s".
std::string FormatSeconds(double seconds);

}  // namespace tmpq
