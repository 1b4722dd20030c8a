// LibTorch's dynamic int8 linear: activations quantized per tensor as they come, weights per output
// channel.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace tmpq {

class TorchInt8Weights {
 public:
  // weight (n, k); bias (n) or undefined; `engine`: one of TorchInt8Engines.
  TorchInt8Weights(const at::Tensor& weight, const at::Tensor& bias, const std::string& engine);

  at::Tensor Multiply(const at::Tensor& x) const;

 private:
  struct Packed;
  std::shared_ptr<const Packed> packed_;
};

// The engines that this LibTorch has.
std::vector<std::string> TorchInt8Engines();

}  // namespace tmpq
