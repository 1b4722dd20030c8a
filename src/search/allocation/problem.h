// Additive allocation: of every group one item is chosen, errors and costs add up, and limits hold.
#pragma once

#include <string>
#include <vector>

namespace tmpq {

// A cost that may not exceed its limit.
struct CostLimit {
  std::string name;
  double limit = 0;
  double unit = 1;  // what messages divide by: the cost's size in the user's units
};

struct AllocationItem {
  double error = 0;           // what choosing it adds; may be negative
  std::vector<double> costs;  // >= 0, one a limit
};

// A group is what has to be decided at once: the bit-widths of one layer (in one range of
// timesteps), say. Nothing is measured anew to solve another problem over the same items.
struct AllocationProblem {
  std::vector<CostLimit> limits;
  std::vector<std::string> group_names;
  std::vector<std::vector<AllocationItem>> groups;
};

struct Allocation {
  std::vector<int> items;  // the chosen one of each group
  double error = 0;
  std::vector<double> costs;  // by limit
};

// Throws kInput naming the group of an item with NaN, infinity, a negative or a missing cost, or of
// an empty group.
void CheckProblem(const AllocationProblem& problem);
// Sums in the groups' order, so that equal choices have equal sums.
Allocation AllocationOf(const AllocationProblem& problem, std::vector<int> items);
bool Fits(const AllocationProblem& problem, const std::vector<double>& costs);
// Error, then costs, then items in order: one best allocation.
bool IsBetter(const Allocation& a, const Allocation& b);

// The least that any allocation costs, limit by limit.
std::vector<double> LeastCosts(const AllocationProblem& problem);
// CheckProblem; throws kUsage naming the first limit that even its cheapest items exceed, and the
// smallest value that would do.
void CheckFeasible(const AllocationProblem& problem);
// That error: `limit` cannot be kept, `least` could. `why`: "" or what else holds.
[[noreturn]] void ThrowInfeasible(const CostLimit& limit, double least, const std::string& why);

}  // namespace tmpq
