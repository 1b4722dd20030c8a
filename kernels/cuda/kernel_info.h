// How a launch names a kernel: what the host has to know of it, on either device.
#pragma once

#include <stddef.h>

namespace tmpq::gpu {

// Lists of instantiations that are compiled together: kernels/cuda/instances_*.cc, by g++ for the
// emulated device and by nvcc for CUDA.
enum class KernelGroup : int { kGemm, kAttention, kOther };

struct KernelInfo {
  const char* name;
  int threads;                          // of a block
  size_t params_bytes;                  // of Kernel::Params
  void (*emulate)(const void* params);  // one emulated thread
  KernelGroup group;
  int index;  // in the group's list
};

// Of an instantiation that kernels/cuda/instances.h lists; others do not link.
template <typename Kernel>
const KernelInfo& InfoOf();

// Where nvcc compiled them: the entry functions of a group's list, for cudaLaunchKernel.
template <KernelGroup group>
const void* const* CudaEntries();

}  // namespace tmpq::gpu
