// Launching a kernel (kernels/cuda/device.h) on the emulated device.
#pragma once

#include <functional>
#include <string>

#include "kernels/emulation/finding.h"
#include "kernels/emulation/memory.h"

namespace tmpq::emulation {

struct Grid {
  int x = 1, y = 1, z = 1;
};

struct LaunchOptions {
  uint64_t seed = 0;  // of the order in which threads and blocks run; 0: by number
};

// Runs all blocks. Throws Finding. `memory` is what the kernel's pointers point into.
Counters Launch(const std::string& name, Grid grid, int threads, int shared_bytes,
                GlobalMemory* memory, const LaunchOptions& options,
                const std::function<void()>& kernel);

template <typename Kernel>
Counters LaunchKernel(Grid grid, int shared_bytes, GlobalMemory* memory,
                      const LaunchOptions& options, const typename Kernel::Params& params) {
  return Launch(Kernel::kName, grid, Kernel::kThreads, shared_bytes, memory, options,
                [&] { Kernel::Run(params); });
}

}  // namespace tmpq::emulation
