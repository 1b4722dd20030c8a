#include "src/eval/workers/worker_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <mutex>
#include <thread>

#include "src/core/file.h"
#include "src/core/random.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/workers/rank_server.h"
#include "tests/eval/thread_ranks.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using std::chrono::milliseconds;

constexpr int kTrainingSteps = 1000;

Candidate Numbered(int i) {
  return Candidate::Uniform(TimestepSequence({i}, kTrainingSteps), {BitWidth::Of(4)});
}

std::vector<Candidate> Numbers(int count) {
  std::vector<Candidate> candidates;
  for (int i = 0; i < count; ++i) candidates.push_back(Numbered((i * 37 + 5) % kTrainingSteps));
  return candidates;
}

Measurements ScoreOf(const Candidate& candidate, Fidelity fidelity) {
  const int t = candidate.timesteps()[0];
  return {{"score", std::sqrt(t) / 3 + static_cast<int>(fidelity)},
          {"odd", t % 2 ? -INFINITY : std::nan("")}};
}

// How long a rank takes for a candidate.
using Delay = std::function<milliseconds(int rank, int timestep)>;
struct Trial {
  int ranks = 3;
  Delay delay = [](int, int) { return milliseconds(0); };
  double late_factor = 2;
  // What a rank does instead of answering, where it is not the plain answer.
  std::function<Measurements(int rank, const Candidate&, Fidelity)> answer =
      [](int, const Candidate& candidate, Fidelity fidelity) {
        return ScoreOf(candidate, fidelity);
      };
  std::atomic<int> calls{0}, stopped{0};
};

class SlowEvaluator : public Evaluator {
 public:
  SlowEvaluator(Trial& trial, int rank, const std::atomic<bool>& stop)
      : trial_(trial), rank_(rank), stop_(stop) {}

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override {
    std::vector<Measurements> answers;
    for (const Candidate& candidate : candidates) {
      ++trial_.calls;
      const auto end =
          std::chrono::steady_clock::now() + trial_.delay(rank_, candidate.timesteps()[0]);
      while (std::chrono::steady_clock::now() < end) {
        if (stop_) {
          ++trial_.stopped;
          throw Error(ErrorCode::kInterrupted, "", "interrupted");
        }
        std::this_thread::sleep_for(milliseconds(1));
      }
      answers.push_back(trial_.answer(rank_, candidate, fidelity));
    }
    return answers;
  }

 private:
  Trial& trial_;
  int rank_;
  const std::atomic<bool>& stop_;
};

// Rank 0 does `lead` with a pool, the others serve; returns when all have left.
template <typename Lead>
void RunJob(Trial& trial, Lead&& lead, const std::atomic<bool>* interrupted = nullptr) {
  ThreadRanks ranks(trial.ranks);
  std::vector<std::thread> others;
  for (int rank = 1; rank < trial.ranks; ++rank) {
    others.emplace_back([&trial, &ranks, rank] {
      ThreadTransport transport(ranks, rank);
      RankServer server(transport, nullptr);
      try {
        server.Serve([&](const Json& setup, std::atomic<bool>& stop) {
          if (setup.contains("refuse") && rank == 2) {
            throw Error(ErrorCode::kInput, "model", "is another one");
          }
          return EvaluationWork(std::make_shared<SlowEvaluator>(trial, rank, stop), kTrainingSteps,
                                1);
        });
      } catch (const Error& error) {
        server.Fail(error.code(), error.what());
      }
      server.Leave();
    });
  }
  {
    ThreadTransport transport(ranks, kLeadRank);
    std::atomic<bool> stop{false};
    {
      TaskRunner runner(EvaluationWork(std::make_shared<SlowEvaluator>(trial, kLeadRank, stop),
                                       kTrainingSteps, 1),
                        stop);
      lead(transport, ranks, runner, WorkerPoolSettings{trial.late_factor, interrupted, {}});
    }
    ranks.Lose(0);  // an error that was looked at is over
    StopRanks(transport);
  }
  for (std::thread& thread : others) thread.join();
}

void ExpectScores(const std::vector<Candidate>& candidates, Fidelity fidelity,
                  const std::vector<Measurements>& answers) {
  ASSERT_EQ(answers.size(), candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Measurements expected = ScoreOf(candidates[i], fidelity);
    EXPECT_EQ(answers[i].at("score"), expected.at("score")) << i;
    EXPECT_EQ(std::isnan(answers[i].at("odd")), std::isnan(expected.at("odd"))) << i;
  }
}

TEST(WorkerPoolTest, AnyNumberOfRanksWritesTheSameJournal) {
  std::string expected;
  for (int ranks = 1; ranks <= 8; ++ranks) {
    const std::filesystem::path path = TestPath("-" + std::to_string(ranks));
    Trial trial;
    trial.ranks = ranks;
    // Later candidates are quicker: answers come out of order.
    trial.delay = [](int rank, int t) { return milliseconds((t * 7 + rank * 3) % 11); };
    RunJob(trial, [&](Transport& transport, ThreadRanks&, TaskRunner& runner,
                      WorkerPoolSettings settings) {
      WorkerPool pool(transport, runner, {}, settings);
      const auto journal = Journal::Create(path, {"steps = 1\n", {}, "revision"});
      JournaledEvaluator journaled(pool, *journal);
      const std::vector<Candidate> candidates = Numbers(40);
      ExpectScores(candidates, Fidelity::kTrajectory,
                   journaled.Evaluate(candidates, Fidelity::kTrajectory));
      const std::span<const Candidate> few = std::span(candidates).first(3);
      ExpectScores({few.begin(), few.end()}, Fidelity::kMetrics,
                   journaled.Evaluate(few, Fidelity::kMetrics));
      EXPECT_TRUE(journaled.Evaluate({}, Fidelity::kMetrics).empty());
    });
    if (ranks == 1) expected = ReadFile(path);
    EXPECT_EQ(ReadFile(path) == expected, true) << ranks;
  }
}

TEST(WorkerPoolTest, AnswersAreGivenInOrderAsSoonAsAllBeforeAreKnown) {
  Trial trial;
  trial.ranks = 2;
  const std::vector<Candidate> candidates = Numbers(6);
  const int slow = candidates[2].timesteps()[0];
  trial.late_factor = 1e9;
  trial.delay = [&](int, int t) { return milliseconds(t == slow ? 300 : 5); };
  RunJob(trial,
         [&](Transport& transport, ThreadRanks&, TaskRunner& runner, WorkerPoolSettings settings) {
           std::atomic<int> answered{0};
           settings.on_answer = [&](Fidelity) { ++answered; };
           WorkerPool pool(transport, runner, {}, settings);
           std::vector<size_t> sizes;
           std::vector<int> known;
           pool.EvaluateInOrder(candidates, Fidelity::kTrajectory,
                                [&](std::span<const Measurements> answers) {
                                  sizes.push_back(answers.size());
                                  known.push_back(answered);
                                });
           // The first two before the slow one; the rest waits for it and comes at once.
           ASSERT_GE(sizes.size(), 2u);
           EXPECT_EQ(sizes.back(), 4u);
           EXPECT_LE(known.front(), 3);
           EXPECT_EQ(known.back(), 6);
         });
}

TEST(WorkerPoolTest, ASlowRankDoesNotBlockTheRest) {
  Trial trial;
  trial.ranks = 3;
  trial.delay = [](int rank, int) { return milliseconds(rank == 1 ? 20'000 : 5); };
  const auto begin = std::chrono::steady_clock::now();
  RunJob(trial,
         [&](Transport& transport, ThreadRanks&, TaskRunner& runner, WorkerPoolSettings settings) {
           WorkerPool pool(transport, runner, {}, settings);
           for (int round = 0; round < 3; ++round) {
             const std::vector<Candidate> candidates = Numbers(10);
             ExpectScores(candidates, Fidelity::kTrajectory,
                          pool.Evaluate(candidates, Fidelity::kTrajectory));
           }
         });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_GE(trial.stopped, 1);  // the slow rank's copies were cancelled
}

TEST(WorkerPoolTest, ErrorsOfARankReachRankZeroByName) {
  const auto error_of = [](Trial& trial, const Json& setup) {
    std::optional<Error> caught;
    RunJob(trial, [&](Transport& transport, ThreadRanks&, TaskRunner& runner,
                      WorkerPoolSettings settings) {
      WorkerPool pool(transport, runner, setup, settings);
      try {
        pool.Evaluate(Numbers(200), Fidelity::kTrajectory);
      } catch (const Error& error) {
        caught = error;
      }
    });
    EXPECT_TRUE(caught.has_value());
    return caught.value_or(Error(ErrorCode::kUsage, "", "none"));
  };
  Trial trial;
  trial.delay = [](int, int) { return milliseconds(2); };
  Error error = error_of(trial, {{"refuse", true}});
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_STREQ(error.what(), "rank 2: model: is another one");
  trial.answer = [](int rank, const Candidate& candidate, Fidelity fidelity) {
    if (rank == 1) throw Error(ErrorCode::kIo, "samples", "cannot be read");
    return ScoreOf(candidate, fidelity);
  };
  error = error_of(trial, nullptr);
  EXPECT_EQ(error.code(), ErrorCode::kIo);
  EXPECT_STREQ(error.what(), "rank 1: samples: cannot be read");
  trial.answer = [](int rank, const Candidate& candidate, Fidelity fidelity) {
    if (rank == 0) throw std::runtime_error("surprise");
    return ScoreOf(candidate, fidelity);
  };
  EXPECT_NE(std::string(error_of(trial, nullptr).what()).find("surprise"), std::string::npos);
}

TEST(WorkerPoolTest, ALostRankIsAnError) {
  Trial trial;
  trial.delay = [](int rank, int) { return milliseconds(rank == 2 ? 20'000 : 5); };
  trial.late_factor = 1e9;
  RunJob(trial, [&](Transport& transport, ThreadRanks& ranks, TaskRunner& runner,
                    WorkerPoolSettings settings) {
    WorkerPool pool(transport, runner, {}, settings);
    std::thread killer([&] {
      std::this_thread::sleep_for(milliseconds(50));
      ranks.Lose(2);
    });
    try {
      pool.Evaluate(Numbers(10), Fidelity::kTrajectory);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_STREQ(error.what(), "rank 2: is lost");
    }
    killer.join();
  });
}

TEST(WorkerPoolTest, RanksThatDisagreeAreFound) {
  Trial trial;
  trial.ranks = 2;
  const std::vector<Candidate> candidates = Numbers(12);
  const int last = candidates.back().timesteps()[0];
  // Rank 0 runs rank 1's late candidate again, and both answer; rank 1 does not see the cancel.
  trial.delay = [](int, int) { return milliseconds(5); };
  std::atomic<bool> slept{false};
  trial.answer = [&](int rank, const Candidate& candidate, Fidelity fidelity) {
    Measurements answer = ScoreOf(candidate, fidelity);
    if (candidate.timesteps()[0] == last && !slept.exchange(true)) {
      std::this_thread::sleep_for(milliseconds(300));
      answer["score"] += 1e-9 * (1 + rank);
    }
    return answer;
  };
  RunJob(trial,
         [&](Transport& transport, ThreadRanks&, TaskRunner& runner, WorkerPoolSettings settings) {
           WorkerPool pool(transport, runner, {}, settings);
           pool.Evaluate(candidates, Fidelity::kTrajectory);
           try {
             for (int round = 0; round < 100; ++round)
               pool.Evaluate(candidates, Fidelity::kTrajectory);
             ADD_FAILURE() << "no error";
           } catch (const Error& error) {
             EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
             EXPECT_NE(std::string(error.what()).find("do not compute alike"), std::string::npos);
           }
         });
}

TEST(WorkerPoolTest, AnInterruptEndsTheBatchAtOnce) {
  Trial trial;
  trial.delay = [](int, int) { return milliseconds(20'000); };
  std::atomic<bool> interrupted{false};
  const auto begin = std::chrono::steady_clock::now();
  RunJob(
      trial,
      [&](Transport& transport, ThreadRanks&, TaskRunner& runner, WorkerPoolSettings settings) {
        WorkerPool pool(transport, runner, {}, settings);
        std::thread user([&] {
          std::this_thread::sleep_for(milliseconds(30));
          interrupted = true;
        });
        try {
          pool.Evaluate(Numbers(10), Fidelity::kTrajectory);
          ADD_FAILURE() << "no error";
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
        }
        user.join();
      },
      &interrupted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(ProtocolTest, MessagesGoThroughExactlyAndOthersAreRefused) {
  const Json content = {{"candidate", CandidateToJson(Numbered(7))}, {"fidelity", 3}};
  const JobMessage back = DecodeMessage(
      EncodeMessage({.kind = MessageKind::kTask, .task = int64_t{1} << 40, .content = content}));
  EXPECT_EQ(back.task, int64_t{1} << 40);
  EXPECT_EQ(back.content, content);
  const double awkward = std::nextafter(0.1, 1.0);
  const JobMessage answer =
      DecodeMessage(EncodeMessage({.kind = MessageKind::kAnswer, .content = {{"a", awkward}}}));
  EXPECT_EQ(answer.content["a"], awkward);
  for (const char* bytes :
       {"", "{}", "[1]", R"({"kind": 99})", R"({"kind": -1})", R"({"kind": 2, "task": 1})",
        R"({"kind": 4, "task": "1", "content": {}})"}) {
    EXPECT_THROW(DecodeMessage(bytes), Error) << bytes;
  }
}

TEST(EvaluationWorkTest, OtherTasksThanCandidatesAreRefused) {
  Trial trial;
  const std::atomic<bool> stop{false};
  const TaskWork work =
      EvaluationWork(std::make_shared<SlowEvaluator>(trial, 0, stop), kTrainingSteps, 1);
  const Json candidate = CandidateToJson(Numbered(7));
  EXPECT_TRUE(work({{"candidate", candidate}, {"fidelity", 1}}).contains("score"));
  for (const Json& task : {Json(nullptr), Json{{"fidelity", 1}}, Json{{"candidate", candidate}},
                           Json{{"candidate", candidate}, {"fidelity", 9}},
                           Json{{"candidate", Json::object()}, {"fidelity", 1}}}) {
    EXPECT_THROW(work(task), Error) << task;
  }
}

}  // namespace
}  // namespace tmpq
