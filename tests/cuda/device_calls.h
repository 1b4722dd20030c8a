// Calls of networks on a device and on the host, and policies to call them with.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "src/runtime/device/device_network.h"
#include "src/runtime/network.h"

namespace tmpq {

inline std::vector<float> RunHost(const RuntimeNetwork& network, const ActivePolicy& policy,
                                  const NetworkInputs& inputs) {
  Workspace workspace = network.MakeWorkspace(inputs.batch);
  std::vector<float> out(inputs.batch * ElementsOf(network.graph().output_shape()));
  network.Run(policy, inputs, out.data(), workspace);
  return out;
}

inline std::vector<float> RunOn(Device& device, const RuntimeNetwork& network,
                                const ActivePolicy& policy, const NetworkInputs& inputs,
                                bool fuse) {
  DeviceNetwork on_device(network, device, inputs.batch, {fuse});
  std::vector<float> out(inputs.batch * ElementsOf(network.graph().output_shape()));
  on_device.Run(policy, inputs, out.data());
  return out;
}

// A policy with a width of its own for every site.
inline Policy MixedPolicy(const Graph& graph) {
  Policy policy;
  for (const QuantSite& site : graph.sites().sites) {
    const int bits = 2 + static_cast<int>(policy.size() % 7);
    policy.push_back(BitWidth::Of(site.kind == SiteKind::kSoftmax && bits % 2 ? 16 : bits));
  }
  return policy;
}

inline std::vector<BitWidth> AllWidths() {
  std::vector<BitWidth> widths;
  for (int bits = 2; bits <= 8; ++bits) widths.push_back(BitWidth::Of(bits));
  return widths;
}

}  // namespace tmpq
