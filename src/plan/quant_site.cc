#include "src/plan/quant_site.h"

#include <algorithm>

namespace tmpq {

const char* NameOf(SiteKind kind) {
  static constexpr const char* kNames[] = {"weight", "activation", "query",
                                           "key",    "value",      "softmax"};
  return kNames[static_cast<int>(kind)];
}

const char* NameOf(LayerGroup group) {
  static constexpr const char* kNames[] = {
      "spatial-attention", "temporal-attention", "cross-attention", "feed-forward",
      "convolution",       "modulation",         "embedding"};
  return kNames[static_cast<int>(group)];
}

int RangeOfTimestep(const std::vector<int>& range_begins, int timestep) {
  const auto after = std::upper_bound(range_begins.begin(), range_begins.end(), timestep);
  return static_cast<int>(after - range_begins.begin()) - 1;
}

}  // namespace tmpq
