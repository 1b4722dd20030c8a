// --backend: which set of kernels runs a network.
#pragma once

#include <string>

#include "kernels/include/kernels.h"

namespace tmpq {

// `cpu`: the fastest set of this machine; `float`: the same in float; else a set by name. Throws
// kUsage for an unknown one, kUnsupported for one that this processor lacks.
const kernels::KernelSet& KernelsOf(const std::string& backend);

}  // namespace tmpq
