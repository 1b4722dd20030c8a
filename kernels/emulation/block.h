// One block of an emulated launch: a fiber a thread, barriers and warp collectives as rendezvous,
// and the rules of a strict device. Kernels reach it through kernels/cuda/device.h only.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/emulation/access_log.h"
#include "kernels/emulation/finding.h"
#include "kernels/emulation/memory.h"

namespace tmpq::emulation {

class Block;

struct Place {
  int x = 0, y = 0, z = 0;
};

// A cp.async that was not waited for yet.
struct PendingCopy {
  uint32_t offset;
  const uint8_t* source;  // null: zeros
  int group;
};

// What the lanes of a warp do together: operands of a product are a's, then b's.
enum class Collective { kNone, kBarrier, kMatrices, kMmaS8S8, kMmaU8S8, kMmaS4S4, kShuffle, kVote };

struct Thread {
  enum class State { kReady, kAtBarrier, kAtCollective, kDone };

  int index = 0;
  Block* block = nullptr;
  State state = State::kDone;
  Site site = {"", 0};  // where it waits
  boost::context::fiber fiber, scheduler;
  std::vector<PendingCopy> copies;
  int group = 0;  // of the next copy
};

// The thread whose fiber runs.
inline thread_local Thread* current_thread = nullptr;
inline Thread* Current() { return current_thread; }

class Block {
 public:
  // `threads`: a multiple of 32. `memory` outlives the block.
  Block(std::string kernel, int threads, int shared_bytes, GlobalMemory* memory);
  ~Block();

  // Runs `kernel` in every thread. The order of threads depends on `seed` (0: by number). Throws
  // Finding; the object is of no use afterwards.
  void Run(Place place, uint64_t seed, const std::function<void()>& kernel, Counters* counters);

  const Place& place() const { return place_; }

  void Barrier(Site site);
  void WarpBarrier(Site site);
  // Checked places of `size` bytes; throw Finding.
  const uint8_t* SharedRead(uint32_t offset, int size, Site site);
  uint8_t* SharedWrite(uint32_t offset, int size, Site site);
  // False where not valid.
  bool GlobalRead(bool valid, const void* address, int size, Site site);
  bool GlobalWrite(bool valid, const void* address, int size, Site site);

  void CopyAsync16(uint32_t offset, const void* source, bool valid, Site site);
  void CommitCopies() { ++Current()->group; }
  void WaitCopies(int under_way, Site site);

  void LoadMatrices4(uint32_t offset, uint32_t out[4], Site site);
  // c += a b; kind: one of the kMma.
  void Mma(Collective kind, int32_t c[4], const uint32_t a[4], const uint32_t b[2], Site site);
  uint32_t Shuffle(uint32_t word, int from_lane, Site site);
  bool AnyLane(bool value, Site site);

 private:
  struct WarpState {
    Collective kind = Collective::kNone;
    Site site = {"", 0};
    int arrived = 0;
    void* slots[kLanes] = {};
    uint32_t epoch = 1;  // counts warp barriers
    AccessLog log;
  };
  // Who touched a shared word last, and when.
  struct Word {
    uint32_t write_block = 0, write_warp = 0;  // epochs
    uint32_t read_block = 0, read_warp = 0;
    uint16_t writer = 0, reader = 0;
    uint8_t readers = 0;  // kOne, kWarp: several lanes of the reader's warp, kMany
    uint8_t written = 0;  // by byte
    bool pending = false;
  };

  [[noreturn]] void Fail(FindingKind kind, const Thread& thread, const std::string& what,
                         Site site) const;
  void StartFibers();
  void Resume(Thread& thread);
  void Yield(Thread& thread, Thread::State state, Site site);
  [[noreturn]] void FailOnDeadlock();
  // Waits for the warp's other lanes; the last one acts for all.
  void Meet(Collective kind, void* slot, Site site);
  void Act(WarpState& warp, int warp_index);
  void ActMatrices(WarpState& warp, int warp_index);

  WarpState& warp_of(const Thread& thread) { return warps_[thread.index / kLanes]; }
  void CheckShared(const Thread& thread, uint32_t offset, int size, const char* verb, Site site);
  void NoteRead(const Thread& thread, uint32_t offset, int size, Site site);
  void NoteWrite(const Thread& thread, uint32_t offset, int size, Site site);
  bool Ordered(const Thread& thread, uint16_t other, uint32_t block_epoch, uint32_t warp_epoch);
  Allocation* CheckGlobal(const void* address, int size, const char* verb, Site site);

  std::string kernel_;
  GlobalMemory* memory_;
  Place place_;
  std::vector<Thread> threads_;
  std::vector<WarpState> warps_;
  std::unique_ptr<uint8_t[]> shared_storage_;
  uint8_t* shared_ = nullptr;  // 128-byte aligned
  int shared_bytes_;
  std::vector<Word> words_;
  uint32_t epoch_ = 1;  // counts barriers
  int waiting_ = 0, done_ = 0;
  std::vector<int> ready_;
  uint64_t random_ = 0;
  Counters* counters_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
};

}  // namespace tmpq::emulation
