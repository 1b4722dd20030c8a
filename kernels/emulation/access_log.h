// Memory accesses of a warp's lanes, put together to requests and counted.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/emulation/finding.h"

namespace tmpq::emulation {

constexpr int kLanes = 32;

enum class Space : uint8_t { kShared, kGlobalRead, kGlobalWrite };

// One lane's part of a request.
struct Access {
  Site site;
  uint64_t address;  // in shared memory, or of global memory
  uint8_t size;      // bytes; 0: the lane's predicate was false
  Space space;
};

// Lanes log on their own between warp collectives; at each collective the logs are matched: where
// lanes are at different lines, those at the first line form a request, as hardware reconverges.
class AccessLog {
 public:
  void Add(int lane, const Access& access) { lanes_[lane].push_back(access); }
  // Counts and forgets everything logged.
  void Flush(Counters* counters);

 private:
  std::vector<Access> lanes_[kLanes];
};

// Wavefronts beyond the fewest for words (indices of 4 bytes) that lanes touch at once.
int64_t BankConflicts(uint64_t* words, int count);

}  // namespace tmpq::emulation
