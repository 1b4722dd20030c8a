#include "tools/common/backend.h"

#include "src/core/error.h"

namespace tmpq {

const kernels::KernelSet& KernelsOf(const std::string& backend) {
  if (backend == "cpu" || backend == "float") return kernels::BestKernels();
  const kernels::KernelSet* set = kernels::FindKernels(backend.c_str());
  if (set == nullptr) {
    std::string known = "cpu, float";
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

}  // namespace tmpq
