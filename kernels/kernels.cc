#include "kernels/include/kernels.h"

#include <string.h>

#include "kernels/include/packing.h"

namespace tmpq::kernels {

int64_t LinearIntScratchBytes(int64_t n, int64_t k) {
  return PackedBytes(n, k, 8) + 4 * LinearRowSums(k);
}

int64_t AttentionScratchBytes(int64_t queries, int64_t keys, int64_t head_dim) {
  const int64_t key_columns = RoundUp(keys, kGroupOutputs),
                value_columns = RoundUp(head_dim, kGroupOutputs);
  const int64_t floats = queries * key_columns          // scores or probabilities
                         + 2 * queries * value_columns  // products with v (two halves at 16 bits)
                         + key_columns * head_dim       // float panels of k
                         + value_columns * keys         // float panels of v
                         + 4 * (queries + 16 + key_columns + value_columns);  // scales, sums
  const int64_t bytes = (queries + kGroupOutputs) * RoundUp(head_dim, 4)      // q, rows of k
                        + PackedBytes(keys, head_dim, 8)                      // k
                        + PackedBytes(head_dim, keys, 8)                      // v
                        + 2 * queries * key_columns;  // probabilities (two halves)
  return 4 * floats + bytes + 16 * 64;                // every part begins on a cache line
}

int64_t ConvIntScratchBytes(const ConvolutionShape& shape) {
  constexpr int64_t kWindows = 6;  // that are lined up where they do not lie so
  const int64_t pixels = shape.padded_height() * shape.padded_width();
  const int64_t picture = shape.height * shape.width * shape.channels;  // the reference's
  const int64_t padded = pixels * shape.channels;
  return (picture > padded ? picture : padded) + kWindows * RoundUp(shape.inputs(), 4) +
         4 * (pixels + shape.padded_width() + shape.out_height * shape.out_width) +
         4 * 4 * RoundUp(shape.outputs, kGroupOutputs) + 9 * 64;  // parts begin on cache lines
}

namespace {
const KernelSet* const kAll[kKernelSetCount] = {&ReferenceKernels(), &Avx2Kernels(),
                                                &Avx512VnniKernels()};
}  // namespace

const KernelSet* const* AllKernels() { return kAll; }

const KernelSet& BestKernels() {
  const KernelSet* best = kAll[0];
  for (const KernelSet* set : kAll) {
    if (set->supported()) best = set;
  }
  return *best;
}

const KernelSet* FindKernels(const char* name) {
  for (const KernelSet* set : kAll) {
    if (strcmp(set->name, name) == 0) return set;
  }
  return nullptr;
}

}  // namespace tmpq::kernels
