#include "src/train/adaround.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "src/quant/learned_rounding.h"
#include "src/torch/torch_device.h"

namespace tmpq {
namespace {

constexpr double kGamma = -0.1, kZeta = 1.1;  // published stretch of the sigmoid

}  // namespace

bool RoundingSchedule::Regularised(int64_t iteration) const {
  return static_cast<double>(iteration) >= warmup * static_cast<double>(iterations);
}

double RoundingSchedule::Beta(int64_t iteration) const {
  const double begin = warmup * static_cast<double>(iterations),
               span = static_cast<double>(iterations) - begin;
  const double done = span > 0 ? (static_cast<double>(iteration) - begin) / span : 1;
  return first_beta + (last_beta - first_beta) * std::clamp(done, 0.0, 1.0);
}

at::Tensor RectifiedSigmoid(const at::Tensor& v) {
  return at::clamp(at::sigmoid(v) * (kZeta - kGamma) + kGamma, 0, 1);
}

at::Tensor RoundingOfFraction(const at::Tensor& fraction) {
  return -at::log((kZeta - kGamma) / (fraction - kGamma) - 1);
}

at::Tensor RoundingRegulariser(const at::Tensor& h, double beta) {
  return (1 - (2 * h - 1).abs().pow(beta)).sum();
}

std::vector<uint8_t> HardRounding(const at::Tensor& v) {
  const at::Tensor up = OnHost((v.detach() >= 0).to(at::kByte));
  return {up.data_ptr<uint8_t>(), up.data_ptr<uint8_t>() + up.numel()};
}

struct SoftRounding::State {
  at::Tensor v, below, scale, least, most;
};

SoftRounding::SoftRounding(std::span<const float> weights, const QuantizedWeights& grid)
    : state_(std::make_unique<State>()) {
  const int64_t n = grid.outputs, k = grid.inputs;
  std::vector<float> below(n * k), fraction(n * k), scale(n * k), least(n * k), most(n * k);
  for (int64_t i = 0; i < n * k; ++i) {
    const int64_t at = grid.GroupOf(i % k) * n + i / k;
    const float scaled = weights[i] * grid.inverse[at];
    below[i] = std::floor(scaled), fraction[i] = scaled - below[i];
    scale[i] = grid.scale[at];
    const StepLimits limits = LimitsOf(grid, at);
    least[i] = limits.least, most[i] = limits.most;
  }
  state_->below = TensorOf(below, {n, k}), state_->scale = TensorOf(scale, {n, k});
  state_->least = TensorOf(least, {n, k}), state_->most = TensorOf(most, {n, k});
  state_->v = RoundingOfFraction(TensorOf(fraction, {n, k})).requires_grad_();
}

SoftRounding::~SoftRounding() = default;
SoftRounding::SoftRounding(SoftRounding&&) noexcept = default;

at::Tensor& SoftRounding::v() { return state_->v; }

at::Tensor SoftRounding::Values(const at::Tensor& h) const {
  return at::clamp(state_->below + h, state_->least, state_->most) * state_->scale;
}

}  // namespace tmpq
