// A site table of two linears and an attention, small enough to enumerate.
#pragma once

#include <string>

#include "src/plan/quant_site.h"

namespace tmpq {

inline SiteTable SmallNetwork(bool with_attention = true) {
  SiteTable table;
  const auto add = [&](const char* layer, SiteKind kind, int64_t elements, int64_t inputs,
                       int64_t outputs) {
    table.sites.push_back({std::string(layer) + "." + NameOf(kind), layer, kind,
                           LayerGroup::kFeedForward, elements, inputs, outputs});
    return static_cast<int>(table.sites.size()) - 1;
  };
  for (const char* layer : {"fc1", "fc2"}) {
    const int weight = add(layer, SiteKind::kWeight, 64, 8, 8),
              input = add(layer, SiteKind::kActivation, 40, 8, 0);
    table.products.push_back({weight, input, layer[2] == '1' ? 320 : 960});
  }
  if (with_attention) {
    const int q = add("attention", SiteKind::kQuery, 40, 8, 0),
              k = add("attention", SiteKind::kKey, 40, 8, 0);
    const int v = add("attention", SiteKind::kValue, 40, 8, 0),
              p = add("attention", SiteKind::kSoftmax, 25, 5, 0);
    table.products.push_back({q, k, 200});
    table.products.push_back({p, v, 200});
  }
  return table;
}

}  // namespace tmpq
