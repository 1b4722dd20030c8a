// Memory aligned to a cache line, which the vector kernels want.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace tmpq {

template <typename T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kAlignment{64};

  CacheLineAllocator() = default;
  template <typename U>
  explicit CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kAlignment));
  }
  void deallocate(T* pointer, size_t) { ::operator delete(pointer, kAlignment); }
  template <typename U>
  bool operator==(const CacheLineAllocator<U>&) const {
    return true;
  }
};

template <typename T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

// Bytes that hold nothing before they are written: pages that nobody writes take no memory.
class ScratchMemory {
 public:
  ScratchMemory() = default;
  explicit ScratchMemory(size_t size)
      : bytes_(CacheLineAllocator<uint8_t>().allocate(size)), size_(size) {}

  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

 private:
  struct Deallocate {
    void operator()(uint8_t* bytes) const { CacheLineAllocator<uint8_t>().deallocate(bytes, 0); }
  };
  std::unique_ptr<uint8_t, Deallocate> bytes_;
  size_t size_ = 0;
};

}  // namespace tmpq
