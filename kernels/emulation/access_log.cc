#include "kernels/emulation/access_log.h"

#include <algorithm>
#include <cstring>

namespace tmpq::emulation {
namespace {

// Sorts and drops repeats; what lanes touch is mostly in order already.
int Distinct(uint64_t* values, int count) {
  if (!std::is_sorted(values, values + count)) std::sort(values, values + count);
  return static_cast<int>(std::unique(values, values + count) - values);
}

// 4-byte accesses of a warp are one phase; of 8 bytes, half a warp; of 16, a quarter.
void CountShared(const Access* const* lanes, int count, Counters* counters) {
  ++counters->shared_requests;
  uint64_t words[kLanes];
  int used = 0, lanes_in_phase = 0;
  for (int i = 0; i < count; ++i) {
    const int parts = std::max(1, lanes[i]->size / 4);
    for (int part = 0; part < parts; ++part) words[used++] = lanes[i]->address / 4 + part;
    if (++lanes_in_phase == kLanes / parts || i + 1 == count) {
      const int64_t conflicts = BankConflicts(words, used);
      counters->bank_conflicts += conflicts;
      counters->shared_wavefronts += 1 + conflicts;
      used = lanes_in_phase = 0;
    }
  }
}

void CountGlobal(const Access* const* lanes, int count, Counters* counters) {
  uint64_t starts[kLanes], sectors[kLanes];
  for (int i = 0; i < count; ++i) {
    starts[i] = lanes[i]->address;
    sectors[i] = lanes[i]->address / 32;
  }
  const int64_t bytes = static_cast<int64_t>(Distinct(starts, count)) * lanes[0]->size;
  ++counters->global_requests;
  counters->global_sectors += Distinct(sectors, count);
  counters->global_bytes += bytes;
  (lanes[0]->space == Space::kGlobalRead ? counters->bytes_read : counters->bytes_written) += bytes;
}

bool Before(const Site& a, const Site& b) {
  if (a.line != b.line) return a.line < b.line;
  return a.file != b.file && std::strcmp(a.file, b.file) < 0;
}

}  // namespace

int64_t BankConflicts(uint64_t* words, int count) {
  count = Distinct(words, count);
  int per_bank[32] = {}, most = 0;
  for (int i = 0; i < count; ++i) most = std::max(most, ++per_bank[words[i] % 32]);
  return std::max(0, most - 1);
}

void AccessLog::Flush(Counters* counters) {
  size_t at[kLanes] = {};
  while (true) {
    const Access* first = nullptr;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (at[lane] == lanes_[lane].size()) continue;
      const Access& head = lanes_[lane][at[lane]];
      if (first == nullptr || Before(head.site, first->site)) first = &head;
    }
    if (first == nullptr) break;
    const Access* request[kLanes];
    int count = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (at[lane] == lanes_[lane].size()) continue;
      const Access& head = lanes_[lane][at[lane]];
      if (head.site != first->site || head.space != first->space) continue;
      ++at[lane];
      if (head.size > 0) request[count++] = &head;
    }
    if (count == 0) continue;
    if (request[0]->space == Space::kShared)
      CountShared(request, count, counters);
    else
      CountGlobal(request, count, counters);
  }
  for (auto& lane : lanes_) lane.clear();
}

void Counters::Add(const Counters& other) {
  blocks += other.blocks;
  shared_requests += other.shared_requests, bank_conflicts += other.bank_conflicts;
  shared_wavefronts += other.shared_wavefronts;
  global_requests += other.global_requests, global_sectors += other.global_sectors;
  global_bytes += other.global_bytes;
  bytes_read += other.bytes_read, bytes_written += other.bytes_written;
  mma += other.mma, barriers += other.barriers, collectives += other.collectives;
}

}  // namespace tmpq::emulation
