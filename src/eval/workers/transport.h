// Messages between the ranks of a job: processes of MPI, or threads of a test.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tmpq {

// Who leads a job.
inline constexpr int kLeadRank = 0;

struct Message {
  int from = 0;
  std::string bytes;
};

// One rank's end. Messages from one rank to another arrive once and in order. Used by one thread.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Does not wait for the receiver. Throws kIo.
  virtual void Send(int to, std::string_view bytes) = 0;
  // The next message, or nothing; does not wait. Throws kIo where a rank is known to be lost.
  virtual std::optional<Message> Poll() = 0;
};

}  // namespace tmpq
