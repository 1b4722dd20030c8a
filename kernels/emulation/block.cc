// Fibers, their order, and the two kinds of rendezvous.
#include "kernels/emulation/block.h"

#include <algorithm>
#include <boost/context/fixedsize_stack.hpp>
#include <cstring>

namespace tmpq::emulation {
namespace {

constexpr size_t kStackBytes = 64 * 1024;
constexpr int kSharedAlignment = 128;

std::string At(Site site) {
  const char* slash = std::strrchr(site.file, '/');
  return std::string(slash != nullptr ? slash + 1 : site.file) + ":" + std::to_string(site.line);
}

}  // namespace

Block::Block(std::string kernel, int threads, int shared_bytes, GlobalMemory* memory)
    : kernel_(std::move(kernel)),
      memory_(memory),
      threads_(threads),
      warps_((threads + kLanes - 1) / kLanes),
      shared_storage_(new uint8_t[shared_bytes + kSharedAlignment]),
      shared_bytes_(shared_bytes),
      words_((shared_bytes + 3) / 4) {
  if (threads <= 0 || threads % kLanes != 0) {
    throw Finding(FindingKind::kBadLaunch, "kernel " + kernel_ + ": " + std::to_string(threads) +
                                               " threads a block, not a multiple of 32");
  }
  const auto at = reinterpret_cast<uintptr_t>(shared_storage_.get());
  shared_ =
      reinterpret_cast<uint8_t*>((at + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment);
  for (int i = 0; i < threads; ++i) threads_[i].index = i, threads_[i].block = this;
  StartFibers();
}

// A fiber that is destroyed unwinds its stack.
Block::~Block() { current_thread = nullptr; }

// Every fiber runs one kernel after another, so blocks after the first start no new ones.
void Block::StartFibers() {
  for (Thread& thread : threads_) {
    thread.fiber = boost::context::fiber(
        std::allocator_arg, boost::context::fixedsize_stack(kStackBytes),
        [this, &thread](boost::context::fiber&& scheduler) {
          thread.scheduler = std::move(scheduler);
          while (true) {
            try {
              (*body_)();
            } catch (const std::exception&) {  // not boost's own, which unwinds
              failure_ = std::current_exception();
            }
            thread.state = Thread::State::kDone;
            thread.scheduler = std::move(thread.scheduler).resume();
          }
          return std::move(thread.scheduler);
        });
  }
}

void Block::Resume(Thread& thread) {
  current_thread = &thread;
  thread.state = Thread::State::kReady;
  thread.fiber = std::move(thread.fiber).resume();
  current_thread = nullptr;
  if (failure_ != nullptr) std::rethrow_exception(failure_);
}

void Block::Yield(Thread& thread, Thread::State state, Site site) {
  thread.state = state;
  thread.site = site;
  thread.scheduler = std::move(thread.scheduler).resume();
}

void Block::Run(Place place, uint64_t seed, const std::function<void()>& kernel,
                Counters* counters) {
  place_ = place, body_ = &kernel, counters_ = counters;
  random_ = seed, epoch_ = 1, waiting_ = 0, done_ = 0;
  std::fill(words_.begin(), words_.end(), Word{});
  std::fill_n(shared_, shared_bytes_, uint8_t{0xcb});
  for (Thread& thread : threads_) thread.copies.clear(), thread.group = 0;
  ready_.clear();
  for (int i = static_cast<int>(threads_.size()); i-- > 0;) ready_.push_back(i);
  while (done_ < static_cast<int>(threads_.size())) {
    if (ready_.empty()) FailOnDeadlock();
    if (seed != 0) {
      random_ = random_ * 6364136223846793005u + 1442695040888963407u;
      std::swap(ready_[(random_ >> 33) % ready_.size()], ready_.back());
    }
    Thread& thread = threads_[ready_.back()];
    ready_.pop_back();
    Resume(thread);
    if (thread.state == Thread::State::kDone) ++done_;
  }
  for (WarpState& warp : warps_) warp.log.Flush(counters_);
  ++counters_->blocks;
}

void Block::Barrier(Site site) {
  Thread& thread = *Current();
  if (waiting_ > 0) {
    const auto other = std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) {
      return t.state == Thread::State::kAtBarrier;
    });
    if (other->site != site) {
      Fail(FindingKind::kDivergentBarrier, thread,
           "is at a barrier while thread " + std::to_string(other->index) + " waits at another (" +
               At(other->site) + ")",
           site);
    }
  }
  if (++waiting_ < static_cast<int>(threads_.size())) {
    Yield(thread, Thread::State::kAtBarrier, site);
    return;
  }
  for (Thread& other : threads_) {
    other.state = Thread::State::kReady;
    if (other.index != thread.index) ready_.push_back(other.index);
  }
  if (random_ == 0) std::reverse(ready_.begin(), ready_.end());
  waiting_ = 0;
  ++epoch_;
  ++counters_->barriers;
  for (WarpState& warp : warps_) warp.log.Flush(counters_);
}

void Block::Meet(Collective kind, void* slot, Site site) {
  Thread& thread = *Current();
  WarpState& warp = warp_of(thread);
  if (warp.arrived > 0 && (warp.kind != kind || warp.site != site)) {
    Fail(FindingKind::kMissingLanes, thread,
         "is at a warp collective while other lanes of its warp wait at another (" + At(warp.site) +
             ")",
         site);
  }
  warp.kind = kind, warp.site = site;
  warp.slots[thread.index % kLanes] = slot;
  if (++warp.arrived < kLanes) {
    Yield(thread, Thread::State::kAtCollective, site);
    return;
  }
  warp.arrived = 0;
  const int first = thread.index / kLanes * kLanes;
  for (int i = first + kLanes; i-- > first;) {
    threads_[i].state = Thread::State::kReady;
    if (i != thread.index) ready_.push_back(i);
  }
  warp.log.Flush(counters_);
  Act(warp, thread.index / kLanes);
}

void Block::FailOnDeadlock() {
  for (const Thread& thread : threads_) {
    if (thread.state != Thread::State::kAtCollective) continue;
    Fail(FindingKind::kMissingLanes, thread,
         "waits at a warp collective that only " + std::to_string(warp_of(thread).arrived) +
             " of 32 lanes reach",
         thread.site);
  }
  for (const Thread& thread : threads_) {
    if (thread.state != Thread::State::kAtBarrier) continue;
    Fail(FindingKind::kDivergentBarrier, thread,
         "waits at a barrier that " + std::to_string(done_) + " threads never reach", thread.site);
  }
  Fail(FindingKind::kBadLaunch, threads_[0], "no thread can go on", {"", 0});
}

void Block::Fail(FindingKind kind, const Thread& thread, const std::string& what, Site site) const {
  throw Finding(kind, "kernel " + kernel_ + ", block (" + std::to_string(place_.x) + ", " +
                          std::to_string(place_.y) + ", " + std::to_string(place_.z) +
                          "), thread " + std::to_string(thread.index) + " " + what + " (" +
                          At(site) + ")");
}

}  // namespace tmpq::emulation
