#include "bench/worker_simulation.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <vector>

#include "src/core/random.h"
#include "src/eval/workers/dispatch_policy.h"

namespace tmpq {
namespace {

// The streams of kTest's numbers.
enum Stream { kCandidates, kRuns };

double LogNormal(RandomStream& random, double spread) {
  // Box and Muller; 1 - u is never 0.
  const double u = 1 - random.Uniform(), v = random.Uniform();
  return std::exp(spread * std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v));
}

class Simulation {
 public:
  Simulation(int workers, double late_factor, const SimulatedWork& work,
             const SimulatedCosts& costs)
      : work_(work),
        costs_(costs),
        policy_(workers, late_factor),
        slowness_(workers, 1.0),
        runs_(workers, 0),
        random_(work.seed, RandomPurpose::kTest, kRuns) {
    for (int i = 0; i < std::min(work.stragglers, workers); ++i) {
      slowness_[i] = work.straggler_factor;
    }
    for (int worker = 0; worker < workers; ++worker) policy_.Join(worker);
  }

  SimulatedRun Run() {
    RandomStream random(work_.seed, RandomPurpose::kTest, kCandidates);
    double speed = 0;
    for (const double slowness : slowness_) speed += 1 / slowness;
    const double run_mean = std::exp(0.5 * work_.run_spread * work_.run_spread);
    const double fastest = *std::min_element(slowness_.begin(), slowness_.end());
    for (int generation = 0; generation < work_.generations; ++generation) {
      seconds_.clear();
      double sum = 0;
      for (int i = 0; i < work_.generation_size; ++i) {
        seconds_.push_back(work_.evaluation_seconds * LogNormal(random, work_.candidate_spread));
        sum += seconds_.back();
      }
      RunGeneration();
      result_.ideal_seconds += run_mean * sum / speed;
      const double longest = *std::max_element(seconds_.begin(), seconds_.end());
      result_.bound_seconds += run_mean * std::max(sum / speed, longest * fastest);
    }
    result_.seconds = now_;
    return result_;
  }

 private:
  // A worker's word to rank 0.
  struct Event {
    double time;
    int worker;
    int64_t run;  // of the worker; another one is running by now: the event is void
    bool answered;
    bool operator>(const Event& other) const {
      return time != other.time ? time > other.time : worker > other.worker;
    }
  };

  void RunGeneration() {
    first_ = policy_.Begin(work_.generation_size, 0);
    answered_.assign(work_.generation_size, false);
    given_ = 0;
    while (true) {
      while (const auto next = policy_.Next(now_)) Start(next->worker, next->task);
      if (policy_.done()) return;
      const double arrival = events_.empty() ? INFINITY : events_.top().time;
      const double next = std::min(arrival, policy_.NextLate());
      if (next > now_) now_ = next + costs_.poll_seconds / 2;  // on average
      while (!events_.empty() && events_.top().time <= now_) {
        const Event event = events_.top();
        events_.pop();
        if (event.run == runs_[event.worker]) Handle(event);
      }
      Append();
    }
  }

  void Start(int worker, int64_t task) {
    ++result_.evaluations;
    now_ += costs_.message_seconds;
    const double seconds =
        seconds_[task - first_] * slowness_[worker] * LogNormal(random_, work_.run_spread);
    events_.push({now_ + 2 * costs_.latency_seconds + costs_.poll_seconds / 2 + seconds, worker,
                  ++runs_[worker], true});
  }

  void Handle(const Event& event) {
    now_ += costs_.message_seconds;
    const DispatchPolicy::Ended ended = policy_.End(event.worker, event.answered, now_);
    if (!ended.is_first) return;
    answered_[ended.task - first_] = true;
    for (const int other : ended.in_vain) {
      now_ += costs_.message_seconds;
      events_.push(
          {now_ + 2 * costs_.latency_seconds + costs_.stop_seconds, other, ++runs_[other], false});
    }
  }

  void Append() {
    const size_t before = given_;
    while (given_ < answered_.size() && answered_[given_]) ++given_;
    if (given_ > before) {
      now_ += costs_.append_seconds + costs_.record_seconds * static_cast<double>(given_ - before);
    }
  }

  SimulatedWork work_;
  SimulatedCosts costs_;
  DispatchPolicy policy_;
  std::vector<double> slowness_;
  std::vector<int64_t> runs_;
  RandomStream random_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  double now_ = 0;
  std::vector<double> seconds_;  // of this generation's candidates
  std::vector<bool> answered_;
  int64_t first_ = 0;
  size_t given_ = 0;
  SimulatedRun result_;
};

}  // namespace

SimulatedRun SimulateSearch(int workers, double late_factor, const SimulatedWork& work,
                            const SimulatedCosts& costs) {
  return Simulation(workers, late_factor, work, costs).Run();
}

}  // namespace tmpq
