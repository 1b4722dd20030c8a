// What threads may do to shared and global memory.
#include <cstring>

#include "kernels/emulation/block.h"

namespace tmpq::emulation {
namespace {

enum Readers : uint8_t { kOne, kWarp, kMany };

std::string Bytes(const char* verb, int size, const char* space) {
  return std::string(verb) + " " + std::to_string(size) + " bytes of " + space + " memory at ";
}

uint8_t MaskOf(uint32_t offset, int size) {
  return size >= 4 ? 15 : static_cast<uint8_t>(((1 << size) - 1) << (offset % 4));
}

}  // namespace

void Block::CheckShared(const Thread& thread, uint32_t offset, int size, const char* verb,
                        Site site) {
  if (static_cast<int64_t>(offset) + size > shared_bytes_) {
    Fail(FindingKind::kOutOfBounds, thread,
         Bytes(verb, size, "shared") + std::to_string(offset) + ", of which the block has " +
             std::to_string(shared_bytes_),
         site);
  }
  if (offset % size != 0) {
    Fail(FindingKind::kMisaligned, thread,
         Bytes(verb, size, "shared") + std::to_string(offset) + ", which is not aligned", site);
  }
  for (uint32_t w = offset / 4; w * 4 < offset + size; ++w) {
    if (!words_[w].pending) continue;
    Fail(FindingKind::kPendingCopy, thread,
         Bytes(verb, size, "shared") + std::to_string(offset) +
             ", where an asynchronous copy was not waited for",
         site);
  }
}

// Whether an earlier access by thread `other` is ordered before one of `thread` now.
bool Block::Ordered(const Thread& thread, uint16_t other, uint32_t block_epoch,
                    uint32_t warp_epoch) {
  if (block_epoch != epoch_ || other == thread.index) return true;
  return other / kLanes == thread.index / kLanes && warp_epoch < warp_of(thread).epoch;
}

void Block::NoteRead(const Thread& thread, uint32_t offset, int size, Site site) {
  const uint8_t mask = MaskOf(offset, size);
  const uint32_t warp_epoch = warp_of(thread).epoch;
  for (uint32_t w = offset / 4; w * 4 < offset + size; ++w) {
    Word& word = words_[w];
    if ((word.written & mask) != mask) {
      Fail(FindingKind::kUninitialized, thread,
           Bytes("reads", size, "shared") + std::to_string(offset) + ", which no thread wrote",
           site);
    }
    if (!Ordered(thread, word.writer, word.write_block, word.write_warp)) {
      Fail(FindingKind::kRace, thread,
           Bytes("reads", size, "shared") + std::to_string(offset) + ", which thread " +
               std::to_string(word.writer) + " wrote without a barrier between",
           site);
    }
    if (word.read_block != epoch_) {
      word.readers = kOne;
    } else if (word.reader / kLanes != thread.index / kLanes) {
      word.readers = kMany;
    } else if (word.readers != kMany && word.reader != thread.index) {
      word.readers = word.read_warp < warp_epoch ? kOne : kWarp;
    } else if (word.readers == kWarp && word.read_warp < warp_epoch) {
      word.readers = kOne;
    }
    word.reader = static_cast<uint16_t>(thread.index);
    word.read_block = epoch_, word.read_warp = warp_epoch;
  }
}

void Block::NoteWrite(const Thread& thread, uint32_t offset, int size, Site site) {
  const uint8_t mask = MaskOf(offset, size);
  const uint32_t warp_epoch = warp_of(thread).epoch;
  for (uint32_t w = offset / 4; w * 4 < offset + size; ++w) {
    Word& word = words_[w];
    const bool after_write = Ordered(thread, word.writer, word.write_block, word.write_warp);
    bool after_reads = Ordered(thread, word.reader, word.read_block, word.read_warp);
    if (word.read_block == epoch_) {
      if (word.readers == kMany) after_reads = false;
      if (word.readers == kWarp && word.read_warp == warp_epoch) after_reads = false;
    }
    if (!after_write || !after_reads) {
      Fail(FindingKind::kRace, thread,
           Bytes("writes", size, "shared") + std::to_string(offset) + ", which thread " +
               std::to_string(after_write ? word.reader : word.writer) +
               (after_write ? " read" : " wrote") + " without a barrier between",
           site);
    }
    word.written |= mask;
    word.writer = static_cast<uint16_t>(thread.index);
    word.write_block = epoch_, word.write_warp = warp_epoch;
  }
}

const uint8_t* Block::SharedRead(uint32_t offset, int size, Site site) {
  Thread& thread = *Current();
  CheckShared(thread, offset, size, "reads", site);
  NoteRead(thread, offset, size, site);
  warp_of(thread).log.Add(thread.index % kLanes,
                          {site, offset, static_cast<uint8_t>(size), Space::kShared});
  return shared_ + offset;
}

uint8_t* Block::SharedWrite(uint32_t offset, int size, Site site) {
  Thread& thread = *Current();
  CheckShared(thread, offset, size, "writes", site);
  NoteWrite(thread, offset, size, site);
  warp_of(thread).log.Add(thread.index % kLanes,
                          {site, offset, static_cast<uint8_t>(size), Space::kShared});
  return shared_ + offset;
}

Allocation* Block::CheckGlobal(const void* address, int size, const char* verb, Site site) {
  Thread& thread = *Current();
  Allocation* allocation = memory_->Find(address, size);
  if (allocation == nullptr) {
    Fail(FindingKind::kOutOfBounds, thread,
         Bytes(verb, size, "global") + memory_->Describe(address), site);
  }
  if (reinterpret_cast<uintptr_t>(address) % size != 0) {
    Fail(FindingKind::kMisaligned, thread,
         Bytes(verb, size, "global") + memory_->Describe(address) + ", which is not aligned", site);
  }
  return allocation;
}

bool Block::GlobalRead(bool valid, const void* address, int size, Site site) {
  Thread& thread = *Current();
  if (valid && !CheckGlobal(address, size, "reads", site)->Written(address, size)) {
    Fail(FindingKind::kUninitialized, thread,
         Bytes("reads", size, "global") + memory_->Describe(address) + ", which nothing wrote",
         site);
  }
  warp_of(thread).log.Add(thread.index % kLanes,
                          {site, reinterpret_cast<uintptr_t>(address),
                           static_cast<uint8_t>(valid ? size : 0), Space::kGlobalRead});
  return valid;
}

bool Block::GlobalWrite(bool valid, const void* address, int size, Site site) {
  Thread& thread = *Current();
  if (valid) CheckGlobal(address, size, "writes", site)->MarkWritten(address, size);
  warp_of(thread).log.Add(thread.index % kLanes,
                          {site, reinterpret_cast<uintptr_t>(address),
                           static_cast<uint8_t>(valid ? size : 0), Space::kGlobalWrite});
  return valid;
}

// The bytes arrive at the wait: whoever looks earlier sees none of them.
void Block::CopyAsync16(uint32_t offset, const void* source, bool valid, Site site) {
  constexpr int kSize = 16;
  Thread& thread = *Current();
  GlobalRead(valid, source, kSize, site);
  CheckShared(thread, offset, kSize, "copies", site);
  NoteWrite(thread, offset, kSize, site);
  warp_of(thread).log.Add(thread.index % kLanes, {site, offset, kSize, Space::kShared});
  for (uint32_t w = offset / 4; w < offset / 4 + 4; ++w) words_[w].pending = true;
  thread.copies.push_back(
      {offset, valid ? static_cast<const uint8_t*>(source) : nullptr, thread.group});
}

void Block::WaitCopies(int under_way, Site site) {
  Thread& thread = *Current();
  size_t kept = 0;
  for (const PendingCopy& copy : thread.copies) {
    if (copy.group >= thread.group - under_way) {
      thread.copies[kept++] = copy;
      continue;
    }
    for (uint32_t w = copy.offset / 4; w < copy.offset / 4 + 4; ++w) words_[w].pending = false;
    NoteWrite(thread, copy.offset, 16, site);
    if (copy.source != nullptr)
      std::memcpy(shared_ + copy.offset, copy.source, 16);
    else
      std::memset(shared_ + copy.offset, 0, 16);
  }
  thread.copies.resize(kept);
}

}  // namespace tmpq::emulation
