// "20" or "5..20": the whole numbers from one to another, both included.
#pragma once

namespace tmpq {

struct IntRange {
  int least = 0, most = 0;

  static IntRange Of(int only) { return {only, only}; }
  bool single() const { return least == most; }
  bool operator==(const IntRange&) const = default;
};

}  // namespace tmpq
