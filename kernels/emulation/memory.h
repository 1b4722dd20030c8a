// Global memory of the emulated device: allocations with guards around them, and which of their
// words were ever written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tmpq::emulation {

struct Allocation {
  uint8_t* begin = nullptr;
  int64_t bytes = 0;
  std::vector<uint8_t> written;  // by word of 4 bytes

  bool Holds(const void* address, int64_t size) const {
    const auto* at = static_cast<const uint8_t*>(address);
    return at >= begin && at + size <= begin + bytes;
  }
  void MarkWritten(const void* address, int64_t size);
  bool Written(const void* address, int64_t size) const;
};

// Not thread-safe.
class GlobalMemory {
 public:
  // 256-byte aligned. With `limit_bytes`, more than that in all gives null.
  explicit GlobalMemory(int64_t limit_bytes = 0) : limit_(limit_bytes) {}
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;

  void* Allocate(int64_t bytes);
  // Precondition: from Allocate.
  void Free(void* address);
  int64_t bytes_in_use() const { return in_use_; }

  // The allocation that holds all of [address, address + size), or null.
  Allocation* Find(const void* address, int64_t size);
  // "12 bytes past the end of an allocation of 64 bytes", for messages.
  std::string Describe(const void* address) const;

 private:
  struct Owned {
    std::unique_ptr<uint8_t[]> storage;
    Allocation allocation;
  };
  std::map<const uint8_t*, Owned> owned_;  // by begin
  Allocation* last_ = nullptr;
  int64_t limit_ = 0, in_use_ = 0;
};

}  // namespace tmpq::emulation
