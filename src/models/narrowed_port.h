// Published networks in the usual port to PyTorch, whose files may have fewer channels.
#pragma once

#include <cstdint>
#include <string>

#include "src/models/checkpoint.h"

namespace tmpq {

// What the first and the last layer of the published network are.
struct PortLayers {
  const char* first_weight;
  const char* last_weight;
  int64_t first_channels;
  int64_t most_divisor;
};

// Sets the divisor of all channels, and the classes, to those of this file where that is legal;
// else they stay the port's own, which do not fit.
template <typename Config>
void SetWidths(const Checkpoint& checkpoint, const PortLayers& port, Config& config) {
  const auto rows = [&](const char* name) {
    const auto found = checkpoint.tensors().find(name);
    return found == checkpoint.tensors().end() || found->second->shape.empty()
               ? int64_t{0}
               : found->second->shape[0];
  };
  const int64_t first = rows(port.first_weight), classes = rows(port.last_weight);
  if (first > 0 && port.first_channels % first == 0 &&
      port.first_channels / first <= port.most_divisor) {
    config.divisor = port.first_channels / first;
  }
  if (classes > 0) config.classes = classes;
}

}  // namespace tmpq
