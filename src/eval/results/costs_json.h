// Costs as they stand in JSON files.
#pragma once

#include "src/core/json.h"
#include "src/plan/costs.h"

namespace tmpq {

// {"bitops": .., ..}: all that are known.
inline Json CostsToJson(const Costs& costs) {
  Json json = Json::object();
  for (const CostKind& kind : CostKinds()) {
    if (!HasCost(costs, kind)) continue;
    json[kind.name] = kind.is_whole ? Json(std::llround(kind.get(costs))) : Json(kind.get(costs));
  }
  return json;
}

}  // namespace tmpq
