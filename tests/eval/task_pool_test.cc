// Tasks that share something: one makes it while the others wait.
#include "src/eval/workers/task_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "src/eval/workers/rank_server.h"
#include "tests/eval/thread_ranks.h"

namespace tmpq {
namespace {

// What ranks do: they hold "shared" until it is there, which the second attempt makes.
class Workshop {
 public:
  TaskWork Work() {
    return [this](const Json& task) -> Json {
      const bool makes = Enter();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return {{"task", task}, {"made", Leave(makes)}};
    };
  }
  int attempts() const { return attempts_; }
  int most_makers() const { return most_makers_; }

 private:
  bool Enter() {
    const std::lock_guard lock(mutex_);
    if (made_) return false;
    ++attempts_;
    most_makers_ = std::max(most_makers_, ++makers_);
    return true;
  }
  bool Leave(bool makes) {
    const std::lock_guard lock(mutex_);
    if (makes) --makers_, made_ = made_ || attempts_ >= 2;
    return made_;
  }

  std::mutex mutex_;
  bool made_ = false;
  int attempts_ = 0, makers_ = 0, most_makers_ = 0;
};

TEST(TaskPoolTest, OneTaskMakesWhatAllShareAndTheNextTriesAgain) {
  constexpr int kRanks = 3, kTasks = 12;
  Workshop workshop;
  ThreadRanks ranks(kRanks);
  std::vector<std::thread> others;
  for (int rank = 1; rank < kRanks; ++rank) {
    others.emplace_back([&, rank] {
      ThreadTransport transport(ranks, rank);
      RankServer server(transport, nullptr);
      server.Serve([&](const Json& setup, std::atomic<bool>&) {
        EXPECT_EQ(setup, "ready");
        return workshop.Work();
      });
      server.Leave();
    });
  }
  std::set<int> answered;
  {
    ThreadTransport transport(ranks, kLeadRank);
    std::atomic<bool> stop{false};
    TaskRunner own(workshop.Work(), stop);
    TaskPool pool(transport, own, "ready", 1e9, nullptr);
    TaskBatch batch;
    batch.count = kTasks;
    batch.task = [](int index) -> Json { return index * 10; };
    batch.shares.assign(kTasks, {"shared"});
    batch.made_shares = [](const Json& answer) { return answer["made"].get<bool>(); };
    pool.Run(batch, [&](TaskAnswers answers) {
      for (const TaskAnswer& one : answers) {
        EXPECT_EQ(one.answer["task"], one.index * 10);
        EXPECT_TRUE(answered.insert(one.index).second);
      }
    });
    StopRanks(transport);
  }
  for (std::thread& thread : others) thread.join();
  EXPECT_EQ(answered.size(), size_t{kTasks});
  EXPECT_EQ(workshop.attempts(), 2);
  EXPECT_EQ(workshop.most_makers(), 1);
}

}  // namespace
}  // namespace tmpq
