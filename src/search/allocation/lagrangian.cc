#include "src/search/allocation/lagrangian.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

// One edge of a group's hull.
struct Edge {
  double price = 0;  // fall of the error per unit of cost
  size_t group = 0;
  int to = 0;
};

double CostOf(const AllocationProblem& problem, const std::vector<double>& weights,
              const AllocationItem& item) {
  double cost = 0;
  for (size_t k = 0; k < item.costs.size(); ++k) {
    const double limit = problem.limits[k].limit;
    cost += (weights.empty() ? 1 : weights[k]) * item.costs[k] / (limit > 0 ? limit : 1);
  }
  return cost;
}

// Appends the edges of a group's lower hull; returns the item where it begins.
int AppendHull(const std::vector<AllocationItem>& group, const std::vector<double>& costs,
               size_t index, std::vector<Edge>& edges) {
  std::vector<int> order(group.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    if (costs[a] != costs[b]) return costs[a] < costs[b];
    return group[a].error != group[b].error ? group[a].error < group[b].error : a < b;
  });
  const auto slope = [&](int a, int b) {
    return (group[a].error - group[b].error) / (costs[b] - costs[a]);
  };
  std::vector<int> hull = {order[0]};
  for (const int i : order) {
    if (group[i].error >= group[hull.back()].error) continue;
    if (costs[i] == costs[hull.back()]) continue;
    while (hull.size() > 1 && slope(hull[hull.size() - 2], hull.back()) <= slope(hull.back(), i)) {
      hull.pop_back();
    }
    hull.push_back(i);
  }
  for (size_t i = 1; i < hull.size(); ++i) {
    edges.push_back({slope(hull[i - 1], hull[i]), index, hull[i]});
  }
  return hull[0];
}

}  // namespace

LagrangianFront SweepPrices(const AllocationProblem& problem, const std::vector<double>& weights) {
  CheckProblem(problem);
  TMPQ_CHECK(weights.empty() || weights.size() == problem.limits.size(), "a weight for each limit");
  std::vector<Edge> edges;
  std::vector<int> items;
  for (size_t g = 0; g < problem.groups.size(); ++g) {
    std::vector<double> costs;
    for (const AllocationItem& item : problem.groups[g]) {
      costs.push_back(CostOf(problem, weights, item));
    }
    items.push_back(AppendHull(problem.groups[g], costs, g, edges));
  }
  // Stable: a group's edges keep their order where prices are equal.
  std::stable_sort(edges.begin(), edges.end(),
                   [](const Edge& a, const Edge& b) { return a.price > b.price; });
  LagrangianFront front;
  front.points.push_back(AllocationOf(problem, items));
  for (const Edge& edge : edges) {
    items[edge.group] = edge.to;
    front.points.push_back(AllocationOf(problem, items));
    front.prices.push_back(edge.price);
  }
  return front;
}

Allocation SolveByPrices(const AllocationProblem& problem, double* bound) {
  CheckFeasible(problem);
  const LagrangianFront front = SweepPrices(problem);
  size_t last = front.points.size();
  for (size_t i = 0; i < front.points.size(); ++i) {
    if (Fits(problem, front.points[i].costs)) last = i;
  }
  if (last == front.points.size()) {
    for (size_t k = 0; k < problem.limits.size(); ++k) {
      const double least = front.points[0].costs[k];
      if (least > problem.limits[k].limit) {
        ThrowInfeasible(problem.limits[k], least, " by the items that are cheapest in all");
      }
    }
  }
  if (bound != nullptr) {
    *bound = front.points[last].error;
    if (problem.limits.size() == 1 && last < front.prices.size()) {
      const double left = problem.limits[0].limit - front.points[last].costs[0];
      const double unit = problem.limits[0].limit > 0 ? problem.limits[0].limit : 1;
      *bound -= front.prices[last] * left / unit;
    }
  }
  return front.points[last];
}

}  // namespace tmpq
