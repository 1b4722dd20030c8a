// --backend: which set of kernels, or which device, runs a network.
#pragma once

#include <cxxopts.hpp>
#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/runtime/device/device.h"

namespace tmpq {

// What a program takes beside sets of the processor's kernels.
struct BackendKinds {
  bool devices = true;   // cuda, emulated
  bool in_float = true;  // float
};

// `cpu`: the fastest set of this machine, as beside a device; `float`: the same in float; else a
// set by name. Throws kUsage for an unknown one, or one of a kind that is not taken; kUnsupported
// for one that this processor lacks.
const kernels::KernelSet& KernelsOf(const std::string& backend, const BackendKinds& kinds = {});

// `cuda`: this machine's GPU; `emulated`: the device that every machine has, slowly; null for
// others. Throws as OpenCudaDevice.
std::unique_ptr<Device> DeviceOf(const std::string& backend);

// Of programs that sample integers: declares --backend, and what was given.
void DeclareBackend(cxxopts::Options& options);
struct Backend {
  const kernels::KernelSet* kernels;
  std::unique_ptr<Device> device;  // or null
};
Backend ReadBackend(const cxxopts::ParseResult& arguments);

}  // namespace tmpq
