// AdaRound (Nagel et al., arXiv 2004.10568): a weight is rounded by a variable V that training
// moves, softly at first, up or down at the end.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "src/quant/weight_quantizer.h"

namespace at {
class Tensor;
}

namespace tmpq {

// The regulariser's exponent over the iterations: nothing during warm-up, then linear.
struct RoundingSchedule {
  int64_t iterations = 0;
  double warmup = 0.2;  // share of the iterations
  double first_beta = 20, last_beta = 2;

  bool Regularised(int64_t iteration) const;
  double Beta(int64_t iteration) const;
};

// h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1): which share of a step a weight goes up.
at::Tensor RectifiedSigmoid(const at::Tensor& v);
// The V whose h is `fraction`, in [0, 1).
at::Tensor RoundingOfFraction(const at::Tensor& fraction);
// Sum over all weights of 1 - |2 h - 1|^beta: 0 where every h is 0 or 1.
at::Tensor RoundingRegulariser(const at::Tensor& h, double beta);
// Whether h(V) of at least a half goes up, by weight.
std::vector<uint8_t> HardRounding(const at::Tensor& v);

// The soft weights of a layer. Copies its grid.
class SoftRounding {
 public:
  // `weights` (N, K) on the scales of `grid`.
  SoftRounding(std::span<const float> weights, const QuantizedWeights& grid);
  ~SoftRounding();
  SoftRounding(SoftRounding&&) noexcept;

  at::Tensor& v();                               // (N, K); learned
  at::Tensor Values(const at::Tensor& h) const;  // scale clamp(floor(w / scale) + h)

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
