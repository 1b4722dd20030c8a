#include "bench/torch_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <optional>

#include "bench/torch_int8.h"

namespace tmpq {

void SetTorchThreads(int threads) { at::set_num_threads(threads); }
std::string TorchVersion() { return TORCH_VERSION; }

struct TorchLinear::State {
  at::Tensor x, w, bias, out;
  std::optional<TorchInt8Weights> int8;  // none: float32
};

TorchLinear::TorchLinear(const LinearCase& of, const std::string& engine)
    : state_(std::make_unique<State>()) {
  const LinearShape& shape = of.shape;
  const auto wrap = [](const AlignedVector<float>& values, at::IntArrayRef sizes) {
    return at::from_blob(const_cast<float*>(values.data()), sizes, at::kFloat);
  };
  State& s = *state_;
  s.x = wrap(of.x, {shape.m, shape.k}), s.w = wrap(of.w, {shape.n, shape.k});
  s.bias = wrap(of.bias, {shape.n});
  if (engine != "float32") s.int8.emplace(s.w, s.bias, engine);
}

TorchLinear::~TorchLinear() = default;

void TorchLinear::Run() {
  const at::NoGradGuard no_grad;
  State& s = *state_;
  s.out = s.int8 ? s.int8->Multiply(s.x) : at::linear(s.x, s.w, s.bias);
}

const float* TorchLinear::out() const { return state_->out.const_data_ptr<float>(); }

}  // namespace tmpq
