#include "src/eval/workers/dispatch_policy.h"

#include <algorithm>
#include <limits>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Answers that a median is of: enough to be steady, few enough to follow a search whose candidates
// change.
constexpr size_t kRemembered = 64;
// Weight of the latest duration in a worker's slowness: two of them outweigh all before.
constexpr double kLatestWeight = 0.5;
// Answers are journaled in order: those that wait for an earlier one are lost with the process.
// When there are so many a worker, a late first one runs again before new tasks start.
constexpr int64_t kWaitingPerWorker = 4;

}  // namespace

DispatchPolicy::DispatchPolicy(int workers, double late_factor)
    : late_factor_(late_factor), workers_(workers) {
  TMPQ_CHECK(workers > 0 && late_factor > 0, "a pool has workers and lateness a factor");
}

void DispatchPolicy::Join(int worker) {
  TMPQ_CHECK(workers_[worker].task < 0, "a worker joins once");
  idle_.insert({workers_[worker].slowness, worker});
}

int64_t DispatchPolicy::Begin(int count, int kind, std::vector<std::vector<std::string>> shares) {
  TMPQ_CHECK(done(), "a batch begins when the one before is done");
  TMPQ_CHECK(shares.empty() || shares.size() == static_cast<size_t>(count), "shares are by task");
  shares_ = std::move(shares);
  in_work_.clear(), made_.clear();
  first_ = next_ = end_;
  end_ += count;
  unanswered_ = count;
  tasks_.assign(count, {});
  given_ = 0;
  kind_ = kind;
  return first_;
}

std::optional<DispatchPolicy::Assignment> DispatchPolicy::Next(double now) {
  if (idle_.empty() || done()) return std::nullopt;
  const int worker = idle_.begin()->second;
  int64_t task = NextFree();
  if (IsFirstOvertaken(now)) {
    task = first_ + static_cast<int64_t>(given_);
  } else if (task < end_) {
    tasks_[task - first_].started = true;
    if (!shares_.empty()) {
      for (const std::string& name : shares_[task - first_]) {
        if (made_.count(name) == 0) in_work_.insert(name);
      }
    }
  } else if (now >= NextLate()) {
    task = unfinished_.begin()->second;
  } else {
    return std::nullopt;
  }
  Start(worker, task, now);
  return Assignment{worker, task};
}

// The first task that nobody has started and that need not wait, or end_.
int64_t DispatchPolicy::NextFree() {
  while (next_ < end_ && tasks_[next_ - first_].started) ++next_;
  int64_t task = next_;
  while (task < end_ && (tasks_[task - first_].started || Waits(task))) ++task;
  return task;
}

bool DispatchPolicy::Waits(int64_t task) const {
  if (shares_.empty()) return false;
  const std::vector<std::string>& names = shares_[task - first_];
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return in_work_.count(name) > 0; });
}

// The first task without answer is late, and many answers after it wait for its.
bool DispatchPolicy::IsFirstOvertaken(double now) const {
  const int64_t answers = static_cast<int64_t>(tasks_.size()) - unanswered_;
  const int64_t waiting = answers - static_cast<int64_t>(given_);
  return waiting >= kWaitingPerWorker * static_cast<int64_t>(workers_.size()) &&
         now >= LateTime(tasks_[given_].youngest_start);
}

void DispatchPolicy::Start(int worker, int64_t task, double now) {
  idle_.erase({workers_[worker].slowness, worker});
  workers_[worker].task = task;
  workers_[worker].kind = kind_;
  workers_[worker].start = now;
  double& youngest = tasks_[task - first_].youngest_start;
  unfinished_.erase({youngest, task});
  youngest = now;
  unfinished_.insert({youngest, task});
}

DispatchPolicy::Ended DispatchPolicy::End(int worker, bool answered, double now, bool made_shares) {
  Worker& ended = workers_[worker];
  TMPQ_CHECK(ended.task >= 0, "who ends a task runs one");
  Ended result{std::exchange(ended.task, -1), false, {}};
  Learn(ended, answered, now - ended.start);
  idle_.insert({ended.slowness, worker});
  if (!answered || result.task < first_ || tasks_[result.task - first_].answered) return result;
  result.is_first = true;
  Task& task = tasks_[result.task - first_];
  task.answered = true;
  unfinished_.erase({task.youngest_start, result.task});
  --unanswered_;
  if (!shares_.empty()) {
    for (const std::string& name : shares_[result.task - first_]) {
      in_work_.erase(name);
      if (made_shares) made_.insert(name);
    }
  }
  while (given_ < tasks_.size() && tasks_[given_].answered) ++given_;
  for (size_t other = 0; other < workers_.size(); ++other) {
    if (workers_[other].task == result.task) result.in_vain.push_back(static_cast<int>(other));
  }
  return result;
}

// A copy that was stopped has taken at least so long.
void DispatchPolicy::Learn(Worker& worker, bool answered, double seconds) {
  const double median = MedianOf(worker.kind);
  const double slowness = median < kInfinity && median > 0 ? seconds / median : 1;
  if (answered || slowness > worker.slowness) {
    worker.slowness += kLatestWeight * (slowness - worker.slowness);
  }
  if (!answered) return;
  std::deque<double>& durations = durations_[worker.kind];
  durations.push_back(seconds);
  if (durations.size() > kRemembered) durations.pop_front();
}

double DispatchPolicy::MedianOf(int kind) const {
  const auto found = durations_.find(kind);
  if (found == durations_.end()) return kInfinity;
  std::vector<double> sorted(found->second.begin(), found->second.end());
  const auto middle = sorted.begin() + static_cast<ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

double DispatchPolicy::NextLate() const {
  return idle_.empty() || unfinished_.empty() ? kInfinity : LateTime(unfinished_.begin()->first);
}

// When a task is late whose youngest copy started then.
double DispatchPolicy::LateTime(double start) const {
  return late_factor_ == kInfinity ? kInfinity : start + late_factor_ * MedianOf(kind_);
}

int DispatchPolicy::CopiesOf(int64_t task) const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                        [&](const Worker& worker) { return worker.task == task; }));
}

}  // namespace tmpq
