// The ranks of a job as threads of this process.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/core/error.h"
#include "src/eval/workers/transport.h"

namespace tmpq {

// What the ranks share. Outlives their ends.
class ThreadRanks {
 public:
  explicit ThreadRanks(int size) : boxes_(size) {}
  int size() const { return static_cast<int>(boxes_.size()); }

  void Put(int to, Message message) {
    const std::lock_guard lock(mutex_);
    boxes_[to].push_back(std::move(message));
  }
  std::optional<Message> Take(int rank) {
    const std::lock_guard lock(mutex_);
    if (rank == kLeadRank && lost_ > 0) {
      throw Error(ErrorCode::kIo, "rank " + std::to_string(lost_), "is lost");
    }
    if (boxes_[rank].empty()) return std::nullopt;
    Message message = std::move(boxes_[rank].front());
    boxes_[rank].pop_front();
    return message;
  }
  // From now on rank 0's Poll throws.
  void Lose(int rank) {
    const std::lock_guard lock(mutex_);
    lost_ = rank;
  }

 private:
  std::mutex mutex_;
  std::vector<std::deque<Message>> boxes_;
  int lost_ = 0;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(ThreadRanks& ranks, int rank) : ranks_(ranks), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return ranks_.size(); }
  void Send(int to, std::string_view bytes) override {
    ranks_.Put(to, {rank_, std::string(bytes)});
  }
  std::optional<Message> Poll() override { return ranks_.Take(rank_); }

 private:
  ThreadRanks& ranks_;
  int rank_;
};

}  // namespace tmpq
