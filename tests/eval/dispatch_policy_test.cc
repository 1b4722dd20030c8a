#include "src/eval/workers/dispatch_policy.h"

#include <gtest/gtest.h>

#include <limits>

namespace tmpq {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The pairs (worker, task) that are to be started now.
std::vector<std::pair<int, int64_t>> Starts(DispatchPolicy& policy, double now) {
  std::vector<std::pair<int, int64_t>> starts;
  while (const auto next = policy.Next(now)) starts.push_back({next->worker, next->task});
  return starts;
}

using Pairs = std::vector<std::pair<int, int64_t>>;

DispatchPolicy Joined(int workers, double late_factor) {
  DispatchPolicy policy(workers, late_factor);
  for (int worker = 0; worker < workers; ++worker) policy.Join(worker);
  return policy;
}

TEST(DispatchPolicyTest, TasksStartInOrderOnWhoIsIdle) {
  DispatchPolicy policy(3, 2);
  EXPECT_EQ(policy.Begin(4, 0), 0);
  EXPECT_EQ(Starts(policy, 0), Pairs());
  policy.Join(2), policy.Join(0);
  EXPECT_EQ(Starts(policy, 0), (Pairs{{0, 0}, {2, 1}}));
  policy.Join(1);
  EXPECT_EQ(Starts(policy, 1), (Pairs{{1, 2}}));
  const auto ended = policy.End(2, true, 2);
  EXPECT_EQ(ended.task, 1);
  EXPECT_TRUE(ended.is_first && ended.in_vain.empty());
  EXPECT_EQ(Starts(policy, 2), (Pairs{{2, 3}}));
  EXPECT_FALSE(policy.done());
  for (const int worker : {0, 1, 2}) policy.End(worker, true, 3);
  EXPECT_TRUE(policy.done());
  EXPECT_EQ(policy.Begin(1, 0), 4);
}

TEST(DispatchPolicyTest, ALateTaskRunsAgainAndTheFirstAnswerCounts) {
  DispatchPolicy policy = Joined(3, 2);
  policy.Begin(3, 0);
  EXPECT_EQ(Starts(policy, 0).size(), 3u);
  EXPECT_EQ(policy.NextLate(), kInfinity);  // nobody is idle
  policy.End(1, true, 10);
  EXPECT_EQ(policy.NextLate(), 20);
  EXPECT_EQ(Starts(policy, 19.9), Pairs());
  EXPECT_EQ(Starts(policy, 20), (Pairs{{1, 0}}));  // the oldest
  policy.End(2, true, 21);
  EXPECT_EQ(policy.CopiesOf(0), 2);
  // Task 0 again when its youngest copy is late too; the median is 21 now.
  EXPECT_EQ(policy.NextLate(), 20 + 2 * 21);
  const auto ended = policy.End(1, true, 30);
  EXPECT_TRUE(ended.is_first);
  EXPECT_EQ(ended.in_vain, std::vector<int>{0});
  EXPECT_TRUE(policy.done());
  // Who runs in vain is busy until it ends, in the next batch too.
  policy.Begin(3, 0);
  EXPECT_EQ(Starts(policy, 31), (Pairs{{1, 3}, {2, 4}}));
  EXPECT_FALSE(policy.End(0, false, 32).is_first);
  // It was slow, and gets what is left.
  EXPECT_EQ(Starts(policy, 32), (Pairs{{0, 5}}));
}

TEST(DispatchPolicyTest, WhatIsOvertakenTooLongRunsAgainBeforeNewTasks) {
  DispatchPolicy policy = Joined(2, 2);
  policy.Begin(20, 0);
  EXPECT_EQ(Starts(policy, 0), (Pairs{{0, 0}, {1, 1}}));
  for (int64_t task = 1; task < 8; ++task) {  // of which 4 a worker may wait
    policy.End(1, true, static_cast<double>(task));
    EXPECT_EQ(Starts(policy, static_cast<double>(task)), (Pairs{{1, task + 1}}));
  }
  policy.End(1, true, 8);
  EXPECT_EQ(Starts(policy, 8), (Pairs{{1, 0}}));
  EXPECT_EQ(policy.End(1, true, 9).in_vain, std::vector<int>{0});
  EXPECT_EQ(Starts(policy, 9), (Pairs{{1, 9}}));  // nothing waits any more
}

TEST(DispatchPolicyTest, SlowWorkersComeLast) {
  DispatchPolicy policy = Joined(3, kInfinity);
  policy.Begin(3, 0);
  Starts(policy, 0);
  policy.End(1, true, 1), policy.End(2, true, 1), policy.End(0, true, 10);
  policy.Begin(2, 0);
  EXPECT_EQ(Starts(policy, 10), (Pairs{{1, 3}, {2, 4}}));
}

TEST(DispatchPolicyTest, KindsAreLateByTheirOwnDurations) {
  DispatchPolicy policy = Joined(2, 2);
  policy.Begin(1, 0);
  Starts(policy, 0);
  policy.End(0, true, 1);
  policy.Begin(1, 1);
  const auto starts = Starts(policy, 1);
  ASSERT_EQ(starts.size(), 1u);
  EXPECT_EQ(policy.NextLate(), kInfinity);  // nothing is known of kind 1
  EXPECT_EQ(Starts(policy, 1000), Pairs());
  policy.End(starts[0].first, true, 1001);
  policy.Begin(1, 0);
  Starts(policy, 1001);
  EXPECT_EQ(policy.NextLate(), 1003);
}

// Tasks 0, 1 and 3 share "a", 2 and 3 "b".
TEST(DispatchPolicyTest, WhatTasksShareIsMadeOnce) {
  DispatchPolicy policy = Joined(4, kInfinity);
  policy.Begin(4, 0, {{"a"}, {"a"}, {"b"}, {"a", "b"}});
  EXPECT_EQ(Starts(policy, 0), (Pairs{{0, 0}, {1, 2}}));
  policy.End(1, true, 1);
  EXPECT_EQ(Starts(policy, 1), Pairs());  // "a" is missing still
  policy.End(0, true, 2, false);
  EXPECT_EQ(Starts(policy, 2), (Pairs{{1, 1}}));  // makes it instead
  policy.End(1, true, 3);
  EXPECT_EQ(Starts(policy, 3), (Pairs{{1, 3}}));
  policy.End(1, true, 4);
  EXPECT_TRUE(policy.done());
}

TEST(DispatchPolicyTest, OnceMadeItServesAllAtOnce) {
  DispatchPolicy policy = Joined(3, kInfinity);
  policy.Begin(4, 0, {{"a"}, {"a"}, {"a"}, {"a"}});
  EXPECT_EQ(Starts(policy, 0).size(), 1u);
  policy.End(0, true, 1);
  EXPECT_EQ(Starts(policy, 1).size(), 3u);
}

TEST(DispatchPolicyTest, WithoutLatenessNothingRunsTwice) {
  DispatchPolicy policy = Joined(2, kInfinity);
  policy.Begin(2, 0);
  Starts(policy, 0);
  policy.End(0, true, 0);  // a median of 0 too
  EXPECT_EQ(policy.NextLate(), kInfinity);
  EXPECT_EQ(Starts(policy, 1e9), Pairs());
}

}  // namespace
}  // namespace tmpq
