#include "src/torch/torch_device.h"

#include <ATen/ATen.h>

#include "src/core/error.h"

namespace tmpq {
namespace {

at::Device& Current() {
  static at::Device device(at::kCPU);
  return device;
}

template <typename T>
at::Tensor Copied(std::span<const T> values, const std::vector<int64_t>& shape,
                  at::ScalarType type) {
  const at::Tensor here = at::from_blob(const_cast<T*>(values.data()), shape, type);
  return Current().is_cpu() ? here.clone() : here.to(Current());
}

}  // namespace

void UseTorchDevice(const std::string& name) {
  const bool has_cuda = at::globalContext().hasCUDA();
  if (name == "cuda" && !has_cuda) {
    throw Error(ErrorCode::kUnsupported, "device cuda",
                "this LibTorch has no CUDA, or finds no GPU",
                "--device cpu, or TORCH_DIR with a LibTorch of CUDA when tmpq is built");
  }
  if (name == "cuda" || (name == "auto" && has_cuda)) {
    // Sums in an order of their own where there is a choice.
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    Current() = at::Device(at::kCUDA, 0);
  } else if (name == "auto" || name == "cpu") {
    Current() = at::Device(at::kCPU);
  } else if (name == "meta") {
    Current() = at::Device(at::kMeta);
  } else {
    throw Error(ErrorCode::kUsage, "device", "\"" + name + "\" is unknown", "auto, cpu or cuda");
  }
}

std::string TorchDeviceName() { return Current().is_cuda() ? "cuda" : "cpu"; }

at::Tensor TensorOf(std::span<const float> values, std::vector<int64_t> shape) {
  return Copied(values, shape, at::kFloat);
}

at::Tensor TensorOf(std::span<const int64_t> values, std::vector<int64_t> shape) {
  return Copied(values, shape, at::kLong);
}

at::Tensor OnHost(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

}  // namespace tmpq
