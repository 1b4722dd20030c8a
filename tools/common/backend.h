// --backend: which set of kernels, or which device, runs a network.
#pragma once

#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/runtime/device/device.h"

namespace tmpq {

// `cpu`: the fastest set of this machine, as beside a device; `float`: the same in float; else a
// set by name. Throws kUsage for an unknown one, kUnsupported for one that this processor lacks.
const kernels::KernelSet& KernelsOf(const std::string& backend);

// `cuda`: this machine's GPU; `emulated`: the device that every machine has, slowly; null for
// others. Throws as OpenCudaDevice.
std::unique_ptr<Device> DeviceOf(const std::string& backend);

}  // namespace tmpq
