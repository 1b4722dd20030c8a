#include "src/plan/quant_site.h"

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

}  // namespace tmpq
