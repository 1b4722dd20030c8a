// Compiles a list of kernels. g++: InfoOf of each, with the emulated thread. nvcc: the table of
// entry functions.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/instances.h"

namespace tmpq::gpu {

#if defined(__CUDACC__)

// Blocks that an SM's registers are to be enough for; 0: the compiler's choice, which may be more
// at the price of spilling.
template <typename Kernel>
constexpr int MinBlocks() {
  if constexpr (requires { Kernel::kMinBlocks; }) return Kernel::kMinBlocks;
  return 0;
}

template <typename Kernel>
__global__ void __launch_bounds__(Kernel::kThreads, MinBlocks<Kernel>())
    KernelEntry(const __grid_constant__ typename Kernel::Params params) {
  Kernel::Run(params);
}

template <typename List>
struct EntryTable;
template <typename... Kernels>
struct EntryTable<KernelList<Kernels...>> {
  static const void* const* Get() {
    static const void* const entries[] = {reinterpret_cast<const void*>(&KernelEntry<Kernels>)...};
    return entries;
  }
};

#define TMPQ_DEFINE_INSTANCES(group, List)  \
  template <>                               \
  const void* const* CudaEntries<group>() { \
    return EntryTable<List>::Get();         \
  }

#else

// Where a kernel is in a list, or -1.
template <typename Kernel, typename... Kernels>
constexpr int IndexIn(KernelList<Kernels...>) {
  int index = 0, found = -1;
  ((found = __is_same(Kernel, Kernels) ? index : found, ++index), ...);
  return found;
}

template <typename Kernel>
void EmulateThread(const void* params) {
  Kernel::Run(*static_cast<const typename Kernel::Params*>(params));
}

template <typename Kernel>
const KernelInfo& InfoOf() {
  constexpr int kGemm = IndexIn<Kernel>(GemmList{}), kAttention = IndexIn<Kernel>(AttentionList{});
  constexpr KernelGroup kGroup = kGemm >= 0        ? KernelGroup::kGemm
                                 : kAttention >= 0 ? KernelGroup::kAttention
                                                   : KernelGroup::kOther;
  constexpr int kIndex = kGemm >= 0        ? kGemm
                         : kAttention >= 0 ? kAttention
                                           : IndexIn<Kernel>(OtherList{});
  static_assert(kIndex >= 0, "in no list of kernels/cuda/instances.h");
  static const KernelInfo info = {
      Kernel::kName,          Kernel::kThreads, sizeof(typename Kernel::Params),
      &EmulateThread<Kernel>, kGroup,           kIndex};
  return info;
}

template <typename List>
struct InfoTable;
template <typename... Kernels>
struct InfoTable<KernelList<Kernels...>> {
  static constexpr const KernelInfo& (*kInfos[])() = {&InfoOf<Kernels>...};
};

// Taking every InfoOf's address compiles it here.
#define TMPQ_DEFINE_INSTANCES(group, List) template struct InfoTable<List>;

#endif

}  // namespace tmpq::gpu
