#include "kernels/emulation/memory.h"

#include <algorithm>

namespace tmpq::emulation {
namespace {
constexpr int64_t kAlignment = 256, kGuard = 256, kWord = 4;
}  // namespace

void Allocation::MarkWritten(const void* address, int64_t size) {
  const int64_t first = static_cast<const uint8_t*>(address) - begin;
  for (int64_t word = first / kWord; word * kWord < first + size; ++word) written[word] = 1;
}

bool Allocation::Written(const void* address, int64_t size) const {
  const int64_t first = static_cast<const uint8_t*>(address) - begin;
  for (int64_t word = first / kWord; word * kWord < first + size; ++word) {
    if (written[word] == 0) return false;
  }
  return true;
}

void* GlobalMemory::Allocate(int64_t bytes) {
  if (limit_ > 0 && in_use_ + bytes > limit_) return nullptr;
  Owned owned;
  owned.storage.reset(new uint8_t[bytes + 2 * kGuard + kAlignment]);
  const auto at = reinterpret_cast<uintptr_t>(owned.storage.get()) + kGuard;
  owned.allocation.begin =
      reinterpret_cast<uint8_t*>((at + kAlignment - 1) / kAlignment * kAlignment);
  owned.allocation.bytes = bytes;
  owned.allocation.written.assign((bytes + kWord - 1) / kWord, 0);
  uint8_t* begin = owned.allocation.begin;
  std::fill_n(begin, bytes, uint8_t{0xcb});  // what forgets to write is seen
  owned_[begin] = std::move(owned);
  in_use_ += bytes;
  return begin;
}

void GlobalMemory::Free(void* address) {
  const auto found = owned_.find(static_cast<uint8_t*>(address));
  if (found == owned_.end()) return;
  in_use_ -= found->second.allocation.bytes;
  owned_.erase(found);
  last_ = nullptr;
}

Allocation* GlobalMemory::Find(const void* address, int64_t size) {
  if (last_ != nullptr && last_->Holds(address, size)) return last_;
  auto found = owned_.upper_bound(static_cast<const uint8_t*>(address));
  if (found == owned_.begin()) return nullptr;
  Allocation& allocation = (--found)->second.allocation;
  if (!allocation.Holds(address, size)) return nullptr;
  return last_ = &allocation;
}

std::string GlobalMemory::Describe(const void* address) const {
  const auto* at = static_cast<const uint8_t*>(address);
  const auto found = owned_.upper_bound(at);
  if (found != owned_.begin()) {
    const Allocation& before = std::prev(found)->second.allocation;
    const int64_t offset = at - before.begin;
    if (offset < before.bytes + kGuard) {
      return "byte " + std::to_string(offset) + " of an allocation of " +
             std::to_string(before.bytes) + " bytes";
    }
  }
  if (found != owned_.end() && found->first - at <= kGuard) {
    return std::to_string(found->first - at) + " bytes before an allocation of " +
           std::to_string(found->second.allocation.bytes) + " bytes";
  }
  return "no allocation";
}

}  // namespace tmpq::emulation
