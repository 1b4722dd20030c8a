#include "tools/common/backend.h"

#include "src/core/error.h"
#include "src/runtime/device/emulated_device.h"

namespace tmpq {

const kernels::KernelSet& KernelsOf(const std::string& backend, const BackendKinds& kinds) {
  const bool is_device = backend == "cuda" || backend == "emulated";
  if (backend == "cpu" || (kinds.in_float && backend == "float") || (kinds.devices && is_device))
    return kernels::BestKernels();
  const kernels::KernelSet* set = kernels::FindKernels(backend.c_str());
  if (set == nullptr) {
    std::string known = "cpu";
    if (kinds.devices) known += ", cuda, emulated";
    if (kinds.in_float) known += ", float";
    for (int i = 0; i < kernels::kKernelSetCount; ++i)
      known += std::string(", ") + kernels::AllKernels()[i]->name;
    throw Error(ErrorCode::kUsage, "--backend " + backend,
                is_device || backend == "float" ? "is not taken here" : "is unknown",
                "known are " + known);
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

void DeclareBackend(cxxopts::Options& options) {
  options.add_options()(
      "backend",
      "what samples: cpu (fastest here), reference, avx2, avx512vnni, cuda, emulated (a GPU on a "
      "CPU, slow); never changes the result",
      cxxopts::value<std::string>()->default_value("cpu"));
}

Backend ReadBackend(const cxxopts::ParseResult& arguments) {
  const auto backend = arguments["backend"].as<std::string>();
  return {&KernelsOf(backend, {.in_float = false}), DeviceOf(backend)};
}

}  // namespace tmpq
