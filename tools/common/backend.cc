#include "tools/common/backend.h"

#include "src/core/error.h"
#include "src/runtime/device/emulated_device.h"

namespace tmpq {

const kernels::KernelSet& KernelsOf(const std::string& backend) {
  if (backend == "cpu" || backend == "float" || backend == "cuda" || backend == "emulated")
    return kernels::BestKernels();
  const kernels::KernelSet* set = kernels::FindKernels(backend.c_str());
  if (set == nullptr) {
    std::string known = "cpu, cuda, emulated, float";
    for (int i = 0; i < kernels::kKernelSetCount; ++i)
      known += std::string(", ") + kernels::AllKernels()[i]->name;
    throw Error(ErrorCode::kUsage, "--backend " + backend, "is unknown", "known are " + known);
  }
  if (!set->supported()) {
    throw Error(ErrorCode::kUnsupported, "--backend " + backend,
                std::string("needs a processor with ") + set->requirement);
  }
  return *set;
}

std::unique_ptr<Device> DeviceOf(const std::string& backend) {
  if (backend == "cuda") return OpenCudaDevice();
  if (backend == "emulated") return std::make_unique<EmulatedDevice>();
  return nullptr;
}

}  // namespace tmpq
