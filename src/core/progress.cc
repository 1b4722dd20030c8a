#include "src/core/progress.h"

#include <algorithm>
#include <cmath>

namespace tmpq {
namespace {

constexpr double kTerminalPeriodSeconds = 0.2;
constexpr double kPlainPeriodSeconds = 10.0;
constexpr double kResumedWithinSeconds = 0.1;
constexpr int kBarWidth = 24;

}  // namespace

std::string FormatSeconds(double seconds) {
  char text[32];
  if (!(seconds >= 0)) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (seconds < 60) {
    std::snprintf(text, sizeof(text), "%.1fs", seconds);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%dm%02ds", static_cast<int>(whole / 60),
                  static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%dh%02dm", static_cast<int>(whole / 3600),
                  static_cast<int>(whole / 60 % 60));
  }
  return text;
}

TerminalProgress::TerminalProgress(std::FILE* out, bool terminal)
    : out_(out), terminal_(terminal) {}

void TerminalProgress::BeginRun(int64_t total, const std::string& unit) {
  run_total_ = total, run_unit_ = unit;
  run_done_ = run_resumed_ = 0;
  run_begin_ = Clock::now();
}

void TerminalProgress::Begin(const std::string& stage, int64_t total, const std::string& unit) {
  stage_ = stage;
  unit_ = unit;
  note_.clear();
  total_ = total;
  done_ = 0;
  first_done_ = -1;
  begin_ = last_draw_ = Clock::now();
  if (!terminal_) Log(stage_ + ": " + std::to_string(total_) + " " + unit_);
}

void TerminalProgress::Update(int64_t done, const std::string& note) {
  if (first_done_ < 0) {  // a resumed stage says at once what was done before
    const double begun = std::chrono::duration<double>(Clock::now() - begin_).count();
    first_done_ = done > 1 && begun < kResumedWithinSeconds ? done - 1 : 0;
  }
  done_ = done;
  if (!note.empty()) note_ = note;
  const double since = std::chrono::duration<double>(Clock::now() - last_draw_).count();
  if (since >= (terminal_ ? kTerminalPeriodSeconds : kPlainPeriodSeconds)) Draw(false);
}

void TerminalProgress::End() {
  Draw(true);
  if (unit_ != run_unit_) return;
  run_done_ += total_, run_resumed_ += std::max<int64_t>(first_done_, 0);
}

// "; run 34%, ETA 2m10s": at the rate of the whole run so far.
std::string TerminalProgress::RunText() const {
  if (run_total_ <= 0 || unit_ != run_unit_) return "";
  const int64_t done = std::min(run_total_, run_done_ + done_),
                resumed = run_resumed_ + std::max<int64_t>(first_done_, 0);
  const double elapsed = std::chrono::duration<double>(last_draw_ - run_begin_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done - resumed) / elapsed : 0;
  std::string text = "; run " + std::to_string(100 * done / run_total_) + "%";
  if (done < run_total_ && rate > 0) {
    text += ", ETA " + FormatSeconds(static_cast<double>(run_total_ - done) / rate);
  }
  return text;
}

void TerminalProgress::Draw(bool final) {
  last_draw_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(last_draw_ - begin_).count();
  const double rate =
      elapsed > 0 ? static_cast<double>(done_ - std::max<int64_t>(first_done_, 0)) / elapsed : 0;
  const std::string eta =
      final ? "took " + FormatSeconds(elapsed)
            : "ETA " + (rate > 0 ? FormatSeconds(static_cast<double>(total_ - done_) / rate) : "?");
  const double fraction =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0)
                 : 1;
  std::string bar;
  if (terminal_) {
    const int full = static_cast<int>(fraction * kBarWidth);
    bar = "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] ";
  }
  std::fprintf(out_, "%s%s: %s%3.0f%% %lld/%lld %s, %.3g/s, %s%s%s%s", terminal_ ? "\r\033[K" : "",
               stage_.c_str(), bar.c_str(), 100 * fraction, static_cast<long long>(done_),
               static_cast<long long>(total_), unit_.c_str(), rate, eta.c_str(), RunText().c_str(),
               note_.empty() ? "" : "; ", note_.c_str());
  if (!terminal_ || final) std::fputc('\n', out_);
  std::fflush(out_);
}

void TerminalProgress::Log(const std::string& line) {
  std::fprintf(out_, "%s%s\n", terminal_ ? "\r\033[K" : "", line.c_str());
  std::fflush(out_);
}

}  // namespace tmpq
