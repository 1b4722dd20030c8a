#include "bench/torch_int8.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>

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

struct TorchInt8Weights::Packed {
  c10::IValue weights;
};

TorchInt8Weights::TorchInt8Weights(const at::Tensor& weight, const at::Tensor& bias,
                                   const std::string& engine) {
  at::globalContext().setQEngine(EngineOf(engine));
  const at::Tensor scales = weight.abs().amax(1).div(127).to(at::kDouble);
  const at::Tensor quantized = at::quantize_per_channel(
      weight, scales, at::zeros({weight.size(0)}, at::kLong), 0, at::kQInt8);
  const c10::IValue optional_bias = bias.defined() ? c10::IValue(bias) : c10::IValue();
  torch::jit::Stack stack = {quantized, optional_bias};
  Find("quantized::linear_prepack").callBoxed(&stack);
  packed_ = std::make_shared<const Packed>(Packed{stack.front()});
}

at::Tensor TorchInt8Weights::Multiply(const at::Tensor& x) const {
  static const c10::OperatorHandle dynamic = Find("quantized::linear_dynamic");
  torch::jit::Stack stack = {x, packed_->weights, false};
  dynamic.callBoxed(&stack);
  return stack.front().toTensor();
}

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
