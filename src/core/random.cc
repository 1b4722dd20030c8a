#include "src/core/random.h"

#include <algorithm>

#include "kernels/include/philox.h"

namespace tmpq {

RandomStream::RandomStream(uint64_t seed, RandomPurpose purpose, uint64_t stream)
    : seed_(seed), purpose_(static_cast<uint32_t>(purpose)), stream_(stream) {}

uint32_t RandomStream::NextU32() {
  if (used_ == 4) {
    kernels::PhiloxBlock(seed_, purpose_, stream_, block_++, words_);
    used_ = 0;
  }
  return words_[used_++];
}

uint64_t RandomStream::NextU64() {
  const uint64_t high = NextU32();
  return high << 32 | NextU32();
}

double RandomStream::Uniform() { return static_cast<double>(NextU64() >> 11) * 0x1p-53; }

uint64_t RandomStream::Below(uint64_t bound) {
  const uint64_t limit = ~uint64_t{0} - ~uint64_t{0} % bound;
  uint64_t value = NextU64();
  while (value >= limit) value = NextU64();
  return value % bound;
}

void FillNormal(uint64_t seed, RandomPurpose purpose, uint64_t sample, std::span<float> out) {
  for (size_t i = 0; i < out.size(); i += 4) {
    float values[4];
    kernels::PhiloxNormal4(seed, static_cast<uint32_t>(purpose), sample,
                           static_cast<uint32_t>(i / 4), values);
    std::copy_n(values, std::min<size_t>(4, out.size() - i), out.data() + i);
  }
}

}  // namespace tmpq
