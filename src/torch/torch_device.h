// Where LibTorch computes, and how values come there and back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace at {
class Tensor;
}

namespace tmpq {

// "cpu"; "cuda", where LibTorch has CUDA and there is a GPU; "auto", which is that or the CPU; or
// "meta", where tensors have shapes alone (tests). For the whole process, before its first tensor.
// Throws kUsage for another name, kUnsupported where there is no such device.
void UseTorchDevice(const std::string& name);
// "cpu" or "cuda": results of one device are not another's bit for bit.
std::string TorchDeviceName();

// Copies there, of this shape.
at::Tensor TensorOf(std::span<const float> values, std::vector<int64_t> shape);
at::Tensor TensorOf(std::span<const int64_t> values, std::vector<int64_t> shape);
// Contiguous in the host's memory, without gradients.
at::Tensor OnHost(const at::Tensor& tensor);

}  // namespace tmpq
