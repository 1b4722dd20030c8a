// How the threads of one network call share its work.
#pragma once

#include <algorithm>
#include <cstdint>

namespace tmpq {

struct UnitRange {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
  bool operator==(const UnitRange&) const = default;
};

// One thread's share of a call: of every node, the units (rows, elements, pictures, heads, ..) that
// no other thread has. What a unit's result is does not depend on how they are shared.
struct CallShare {
  int index = 0, count = 1;

  // Its part of `total` units, cut at multiples of `multiple`. The parts of all shares cover the
  // total, follow each other, and differ by `multiple` at most; a part may be empty.
  UnitRange Of(int64_t total, int64_t multiple = 1) const {
    const int64_t pieces = (total + multiple - 1) / multiple;
    const auto cut = [&](int64_t at) { return std::min(total, pieces * at / count * multiple); };
    return {cut(index), cut(index + 1)};
  }
};

// Calls visit(period, first, size) with the parts of `units` that lie within one period of `length`
// units each; `first` counts from the period's begin.
template <typename Visit>
void ForEachPeriod(UnitRange units, int64_t length, Visit visit) {
  for (int64_t at = units.begin; at < units.end;) {
    const int64_t period = at / length, end = std::min(units.end, (period + 1) * length);
    visit(period, at - period * length, end - at);
    at = end;
  }
}

}  // namespace tmpq
