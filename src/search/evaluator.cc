#include "src/search/evaluator.h"

namespace tmpq {

const char* NameOf(Fidelity fidelity) {
  constexpr const char* kNames[] = {"predicted", "trajectory", "metrics",
                                    "selection", "report",     "probe"};
  return kNames[static_cast<int>(fidelity)];
}

}  // namespace tmpq
