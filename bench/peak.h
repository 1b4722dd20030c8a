// The most that the machine gives: of the processor's integer dot-product instruction, and of its
// memory.
#pragma once

#include <cstdint>
#include <vector>

namespace tmpq {

// Whether it has vpdpbusd on 512 bits.
bool HasDotProduct();

// Runs independent vpdpbusd out of registers on each of `threads` threads; returns operations
// (multiplications and additions of all threads). Some 50 microseconds.
double RunDotProducts(int threads);

// Reads more than caches hold.
class MemoryReader {
 public:
  MemoryReader();
  // Every thread reads its part once; returns bytes of all.
  double Run(int threads);

 private:
  std::vector<uint64_t> values_;
  uint64_t sum_ = 0;
};

}  // namespace tmpq
