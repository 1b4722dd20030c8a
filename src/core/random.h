// Random numbers: counter-based (Philox, kernels/include/philox.h), so that number i of a purpose
// is the same whatever the batch, the thread or the order of asking.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace tmpq {

// What numbers are for; purposes never share a stream. Values are part of results: never renumber.
enum class RandomPurpose : uint32_t {
  kSearchNoise = 1,     // sampling noise that the search scores on
  kSelectionNoise = 2,  // sampling noise of the final choice
  kReportNoise = 3,     // sampling noise of what is printed and published
  kSampleNoise = 4,     // tmpq-run
  kProposal = 5,        // the search algorithm's own decisions
  kBootstrap = 6,       // confidence intervals
  kInitialWeights = 7,  // training
  kTrainingData = 8,    // order, augmentation
  kTrainingNoise = 9,
  kCalibration = 10,
  kStress = 11,          // which channels a stress variant makes outliers
  kRotation = 12,        // signs of rotations
  kReconstruction = 13,  // minibatches of reconstruction
  kTest = 99,
};

// A sequence of random numbers keyed by (seed, purpose, stream). Its state is a counter. Not
// thread-safe.
class RandomStream {
 public:
  RandomStream(uint64_t seed, RandomPurpose purpose, uint64_t stream = 0);

  uint32_t NextU32();
  uint64_t NextU64();
  // Uniform in [0, 1), 53 bits.
  double Uniform();
  // Uniform in [0, bound), without modulo bias; bound >= 1.
  uint64_t Below(uint64_t bound);
  bool Chance(double probability) { return Uniform() < probability; }

  template <typename T>
  void Shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }

 private:
  uint64_t seed_;
  uint32_t purpose_;
  uint64_t stream_;
  uint32_t block_ = 0;
  uint32_t used_ = 4;
  uint32_t words_[4] = {};
};

// Fills `out` with standard normal numbers: element e of sample `sample` depends on nothing but
// (seed, purpose, sample, e).
void FillNormal(uint64_t seed, RandomPurpose purpose, uint64_t sample, std::span<float> out);

}  // namespace tmpq
