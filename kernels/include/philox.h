// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and normal
// numbers.
#pragma once

#include "kernels/include/numerics.h"

namespace tmpq::kernels {

// One block from a raw counter and key: the published function, for known-answer tests.
TMPQ_HOST_DEVICE static inline void Philox4x32(const uint32_t counter[4], const uint32_t key[2],
                                               uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

// Block `block` of stream `stream` of a purpose.
TMPQ_HOST_DEVICE static inline void PhiloxBlock(uint64_t seed, uint32_t purpose, uint64_t stream,
                                                uint32_t block, uint32_t words[4]) {
  const uint32_t counter[4] = {block, purpose, (uint32_t)stream, (uint32_t)(stream >> 32)};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  Philox4x32(counter, key, words);
}

// Four standard normal numbers (Box-Muller; u in (0, 1] with 24 bits).
TMPQ_HOST_DEVICE static inline void PhiloxNormal4(uint64_t seed, uint32_t purpose, uint64_t sample,
                                                  uint32_t block, float out[4]) {
  uint32_t words[4];
  PhiloxBlock(seed, purpose, sample, block, words);
  for (int pair = 0; pair < 2; ++pair) {
    const float u = (float)((words[2 * pair] >> 8) + 1) * 0x1p-24f;
    const float angle = (float)(words[2 * pair + 1] >> 8) * (6.28318530717958648f * 0x1p-24f);
    const float radius = sqrtf(-2.0f * LogF(u));
    out[2 * pair] = radius * CosF(angle);
    out[2 * pair + 1] = radius * SinF(angle);
  }
}

}  // namespace tmpq::kernels
