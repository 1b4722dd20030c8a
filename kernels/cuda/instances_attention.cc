// Compiled by g++ for the emulated device and by nvcc for CUDA (cmake/TmpqCuda.cmake).
#include "kernels/cuda/define_instances.h"

namespace tmpq::gpu {

TMPQ_DEFINE_INSTANCES(KernelGroup::kAttention, AttentionList)

}  // namespace tmpq::gpu
