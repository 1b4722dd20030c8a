// Numbers to run kernels on, and the comparison with the reference. Shared by the kernels' tests.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/include/kernels.h"
#include "kernels/include/philox.h"

namespace tmpq::kernels {

// Normal numbers; every 97th is an outlier, every 89th is zero.
inline std::vector<float> Values(int64_t count, uint64_t stream) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; i += 4) {
    float four[4];
    PhiloxNormal4(11, 99, stream, static_cast<uint32_t>(i / 4), four);
    for (int64_t j = i; j < count && j < i + 4; ++j) {
      values[j] = j % 89 == 88 ? 0.0f : j % 97 == 96 ? 20 * four[j - i] : four[j - i];
    }
  }
  return values;
}

inline std::vector<int8_t> Integers(int64_t count, int qmax, uint64_t stream) {
  std::vector<int8_t> values(count);
  for (int64_t i = 0; i < count; ++i) {
    uint32_t words[4];
    PhiloxBlock(12, 99, stream, static_cast<uint32_t>(i), words);
    values[i] = static_cast<int8_t>(static_cast<int>(words[0] % (2 * qmax + 1)) - qmax);
  }
  return values;
}

class KernelSetTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!set().supported()) GTEST_SKIP() << set().name << " needs " << set().requirement;
  }
  const KernelSet& set() const { return *AllKernels()[GetParam()]; }
};

// Runs `call` on the reference and on `set` with the same poisoned output, and compares bytes.
template <typename T, typename Call>
void ExpectSameBytes(const KernelSet& set, int64_t size, const std::string& what, Call call) {
  std::vector<T> expected(size, T(77)), actual(size, T(77));
  call(ReferenceKernels(), expected.data());
  call(set, actual.data());
  ASSERT_EQ(std::memcmp(expected.data(), actual.data(), size * sizeof(T)), 0)
      << set.name << ": " << what;
}

}  // namespace tmpq::kernels
