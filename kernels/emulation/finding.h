// What the emulated device refuses, and what it counts.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace tmpq::emulation {

// A place in a kernel's source.
struct Site {
  const char* file;
  int line;

  static constexpr Site Here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
  friend bool operator==(const Site&, const Site&) = default;
};

enum class FindingKind {
  kOutOfBounds,
  kMisaligned,
  kUninitialized,     // shared or global memory that nothing wrote
  kRace,              // two threads, one shared word, a write, no barrier between
  kDivergentBarrier,  // threads of a block at different barriers, or gone
  kMissingLanes,      // a warp collective that not all 32 lanes reach together
  kPendingCopy,       // data of a cp.async touched before its wait
  kBadLaunch,
};

// Ends a launch. what() names kernel, block, thread, address and source line.
class Finding : public std::exception {
 public:
  Finding(FindingKind kind, std::string what) : kind_(kind), what_(std::move(what)) {}
  FindingKind kind() const { return kind_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  FindingKind kind_;
  std::string what_;
};

// Of a launch, summed over its blocks. A request is one instruction of one warp; lanes that a
// predicate leaves out take no part.
struct Counters {
  int64_t blocks = 0;
  int64_t shared_requests = 0;
  int64_t shared_wavefronts = 0;  // passes of 128 bytes that the requests take
  int64_t bank_conflicts = 0;     // of these, beyond the fewest that the requests need
  int64_t global_requests = 0;
  int64_t global_sectors = 0;  // of 32 bytes
  int64_t global_bytes = 0;    // distinct bytes of each request
  int64_t bytes_read = 0, bytes_written = 0;
  int64_t mma = 0;  // instructions of a warp: m16n8k32 of bytes, m16n8k64 of nibbles
  int64_t barriers = 0;
  int64_t collectives = 0;  // ldmatrix, shuffles, votes, warp barriers

  // Share of the moved sectors' bytes that were asked for; 1 is perfect.
  double sector_use() const {
    return global_sectors == 0 ? 1.0 : static_cast<double>(global_bytes) / (32.0 * global_sectors);
  }
  void Add(const Counters& other);
};

}  // namespace tmpq::emulation
