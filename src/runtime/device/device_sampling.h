// Sampling on a device: network calls, and whole loops of them that nothing of the host waits for.
#pragma once

#include <functional>

#include "src/runtime/device/device.h"
#include "src/runtime/network.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Network calls of sampling runs on a device: a NetworkCall for each run, whose policies stay where
// they are as long as it is called. All share the weights on the device; each captures every policy
// and batch size once. A loop's samples stay on the device from its first call to its last.
// `network`, `device` and the policies' tables outlive the function and the calls.
std::function<NetworkCall()> MakeDeviceCalls(const RuntimeNetwork& network, Device& device,
                                             int64_t max_batch);

}  // namespace tmpq
