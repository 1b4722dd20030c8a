// Which worker runs which task of a batch. No clock, no messages: the real pool and the simulation
// of a thousand workers (tmpq-bench workers) drive the same class.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tmpq {

// Tasks start in order, on the idle worker that was the fastest so far. When none is left to start,
// an idle worker runs the oldest task that is late once more (backup tasks: Dean and Ghemawat,
// MapReduce, OSDI 2004), and where many answers wait for that of a late task, that one even before
// new ones: the first answer counts, and the other copies are told to stop. Times are
// seconds on any clock that does not go back. Not thread-safe.
class DispatchPolicy {
 public:
  // A task is late when its youngest copy has run for `late_factor` times the median of its kind's
  // latest answers; infinity: nothing is run twice.
  DispatchPolicy(int workers, double late_factor);

  // `worker` takes tasks from now on.
  void Join(int worker);

  // Begins a batch of `count` tasks of one kind, whose durations are alike; the batch before is
  // done. Tasks are numbered through all batches; returns the first one's number. Workers that
  // still run a copy from before are busy until they end it. `shares`, by task: names of what is
  // made on the way and serves other tasks too. Who needs a name waits while another makes it.
  int64_t Begin(int count, int kind, std::vector<std::vector<std::string>> shares = {});

  struct Assignment {
    int worker;
    int64_t task;
  };
  // What is to be started now, which then counts as started, or nothing.
  std::optional<Assignment> Next(double now);

  struct Ended {
    int64_t task;
    bool is_first;             // nobody had answered this task before
    std::vector<int> in_vain;  // workers that run other copies of it, which are to be stopped
  };
  // `worker` has ended its task at `now`: with an answer, or because it was told to stop.
  // `made_shares`: whether what the task shares is there now; else the next one makes it.
  Ended End(int worker, bool answered, double now, bool made_shares = true);

  bool done() const { return unanswered_ == 0; }
  // When Next may have something although nobody ended: the time at which a task becomes late.
  // Infinity where there is none, or nobody to run it.
  double NextLate() const;
  // Copies of `task` that run.
  int CopiesOf(int64_t task) const;

 private:
  struct Worker {
    int64_t task = -1;    // -1: idle
    int kind = 0;         // of the task
    double start = 0;     // of the task
    double slowness = 1;  // its durations by the median's, recent ones more; 1 is unknown
  };
  struct Task {
    bool started = false, answered = false;
    double youngest_start = 0;
  };

  int64_t NextFree();
  bool Waits(int64_t task) const;
  bool IsFirstOvertaken(double now) const;
  double LateTime(double start) const;
  double MedianOf(int kind) const;  // infinity where nothing is known
  void Start(int worker, int64_t task, double now);
  void Learn(Worker& worker, bool answered, double seconds);

  double late_factor_;
  std::vector<Worker> workers_;
  std::set<std::pair<double, int>> idle_;            // by slowness
  std::set<std::pair<double, int64_t>> unfinished_;  // started, not answered; by youngest start
  std::vector<Task> tasks_;                          // of this batch
  std::vector<std::vector<std::string>> shares_;     // of this batch, or empty
  std::set<std::string> in_work_, made_;             // of what they share
  size_t given_ = 0;                                 // of them, that are answered with all before
  int64_t first_ = 0, next_ = 0, end_ = 0;           // of this batch; before next all are started
  int64_t unanswered_ = 0;
  int kind_ = 0;
  std::map<int, std::deque<double>> durations_;  // of answers, by kind, the latest ones
};

}  // namespace tmpq
