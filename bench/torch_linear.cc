#include "bench/torch_linear.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/version.h>

#include <algorithm>

namespace tmpq {
namespace {

at::QEngine EngineOf(const std::string& name) {
  if (name == "fbgemm") return at::QEngine::FBGEMM;
  if (name == "onednn") return at::QEngine::ONEDNN;
  return at::QEngine::X86;
}

c10::OperatorHandle Find(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "");
}

}  // namespace

void SetTorchThreads(int threads) { at::set_num_threads(threads); }
std::string TorchVersion() { return TORCH_VERSION; }

struct TorchLinear::State {
  at::Tensor x, w, bias, out;
  c10::IValue packed;  // None: float32
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
  if (engine == "float32") return;
  at::globalContext().setQEngine(EngineOf(engine));
  const at::Tensor scales = s.w.abs().amax(1).div(127).to(at::kDouble);
  const at::Tensor quantized =
      at::quantize_per_channel(s.w, scales, at::zeros({shape.n}, at::kLong), 0, at::kQInt8);
  torch::jit::Stack stack = {quantized, s.bias};
  Find("quantized::linear_prepack").callBoxed(&stack);
  s.packed = stack.front();
}

TorchLinear::~TorchLinear() = default;

void TorchLinear::Run() {
  const at::NoGradGuard no_grad;
  State& s = *state_;
  if (s.packed.isNone()) {
    s.out = at::linear(s.x, s.w, s.bias);
    return;
  }
  static const c10::OperatorHandle dynamic = Find("quantized::linear_dynamic");
  torch::jit::Stack stack = {s.x, s.packed, false};
  dynamic.callBoxed(&stack);
  s.out = stack.front().toTensor();
}

const float* TorchLinear::out() const { return state_->out.const_data_ptr<float>(); }

std::vector<std::string> TorchInt8Engines() {
  std::vector<std::string> names;
  const auto& engines = at::globalContext().supportedQEngines();
  for (const char* name : {"fbgemm", "x86", "onednn"}) {
    if (std::find(engines.begin(), engines.end(), EngineOf(name)) != engines.end()) {
      names.emplace_back(name);
    }
  }
  return names;
}

}  // namespace tmpq
