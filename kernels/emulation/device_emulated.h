// kernels/cuda/device.h for g++: every function goes to the block that the calling fiber belongs
// to. Included by it only.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/emulation/block.h"

namespace tmpq::gpu {

using emulation::Current;
using emulation::Site;

inline int ThreadIndex() { return Current()->index; }
inline int Lane() { return Current()->index & 31; }
inline int Warp() { return Current()->index >> 5; }
inline int BlockX() { return Current()->block->place().x; }
inline int BlockY() { return Current()->block->place().y; }
inline int BlockZ() { return Current()->block->place().z; }

inline void SyncThreads(Site site = Site::Here()) { Current()->block->Barrier(site); }
inline void SyncWarp(Site site = Site::Here()) { Current()->block->WarpBarrier(site); }

template <typename T>
inline T LoadShared(uint32_t offset, Site site = Site::Here()) {
  T value;
  memcpy(&value, Current()->block->SharedRead(offset, sizeof(T), site), sizeof(T));
  return value;
}
template <typename T>
inline void StoreShared(uint32_t offset, T value, Site site = Site::Here()) {
  memcpy(Current()->block->SharedWrite(offset, sizeof(T), site), &value, sizeof(T));
}

template <typename T>
inline T LoadGlobalIf(bool valid, const T* address, T otherwise, Site site = Site::Here()) {
  if (!Current()->block->GlobalRead(valid, address, sizeof(T), site)) return otherwise;
  return *address;
}
template <typename T>
inline void StoreGlobalIf(bool valid, T* address, T value, Site site = Site::Here()) {
  if (Current()->block->GlobalWrite(valid, address, sizeof(T), site)) *address = value;
}
template <typename T>
inline T LoadGlobal(const T* address, Site site = Site::Here()) {
  return LoadGlobalIf(true, address, T{}, site);
}
template <typename T>
inline void StoreGlobal(T* address, T value, Site site = Site::Here()) {
  StoreGlobalIf(true, address, value, site);
}

inline void CopyAsync16(uint32_t offset, const void* global, bool valid, Site site = Site::Here()) {
  Current()->block->CopyAsync16(offset, global, valid, site);
}
inline void CommitCopies() { Current()->block->CommitCopies(); }
template <int kUnderWay>
inline void WaitCopies(Site site = Site::Here()) {
  Current()->block->WaitCopies(kUnderWay, site);
}

inline Words4 LoadMatrices4(uint32_t offset, Site site = Site::Here()) {
  Words4 result;
  Current()->block->LoadMatrices4(offset, result.v, site);
  return result;
}
inline void MmaS8S8(int32_t c[4], const Words4& a, const Words2& b, Site site = Site::Here()) {
  Current()->block->Mma(emulation::Collective::kMmaS8S8, c, a.v, b.v, site);
}
inline void MmaU8S8(int32_t c[4], const Words4& a, const Words2& b, Site site = Site::Here()) {
  Current()->block->Mma(emulation::Collective::kMmaU8S8, c, a.v, b.v, site);
}
inline void MmaS4S4(int32_t c[4], const Words4& a, const Words2& b, Site site = Site::Here()) {
  Current()->block->Mma(emulation::Collective::kMmaS4S4, c, a.v, b.v, site);
}

template <typename T>
inline T ShuffleFrom(T value, int lane, Site site = Site::Here()) {
  static_assert(sizeof(T) == 4, "lanes exchange words");
  uint32_t word;
  memcpy(&word, &value, 4);
  word = Current()->block->Shuffle(word, lane & 31, site);
  memcpy(&value, &word, 4);
  return value;
}
template <typename T>
inline T ShuffleXor(T value, int mask, Site site = Site::Here()) {
  return ShuffleFrom(value, Lane() ^ mask, site);
}
inline bool AnyLane(bool value, Site site = Site::Here()) {
  return Current()->block->AnyLane(value, site);
}

}  // namespace tmpq::gpu
