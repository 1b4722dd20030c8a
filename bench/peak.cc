#include "bench/peak.h"

#include <immintrin.h>
#include <omp.h>

#include <cstdint>

namespace tmpq {
namespace {

constexpr int kAccumulators = 24;
constexpr int64_t kTurns = 12'000;
constexpr double kOperationsOfOne = 128;            // 64 multiplications, 64 additions
constexpr int64_t kMemoryBytes = int64_t{1} << 27;  // four times the last cache of usual servers

__attribute__((target("avx512f,avx512vnni"), noinline)) void DotProducts() {
  __m512i sums[kAccumulators];
#pragma GCC unroll 24
  for (int i = 0; i < kAccumulators; ++i) sums[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (int64_t turn = 0; turn < kTurns; ++turn) {
#pragma GCC unroll 24
    for (int i = 0; i < kAccumulators; ++i) {
      // Not an intrinsic: nothing may be hoisted or left out.
      asm volatile("vpdpbusd %2, %1, %0" : "+v"(sums[i]) : "v"(a), "v"(b));
    }
  }
}

}  // namespace

bool HasDotProduct() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

double RunDotProducts(int threads) {
#pragma omp parallel num_threads(threads)
  DotProducts();
  return threads * kOperationsOfOne * kAccumulators * kTurns;
}

MemoryReader::MemoryReader() : values_(kMemoryBytes / sizeof(uint64_t), 1) {}

double MemoryReader::Run(int threads) {
  uint64_t sum = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : sum) schedule(static)
  for (const uint64_t value : values_) sum += value;
  sum_ += sum;  // keeps the loop
  return static_cast<double>(kMemoryBytes);
}

}  // namespace tmpq
