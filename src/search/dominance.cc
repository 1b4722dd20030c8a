#include "src/search/dominance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace tmpq {
namespace {

bool HasNaN(const Objectives& point) {
  return std::any_of(point.begin(), point.end(), [](double x) { return std::isnan(x); });
}

// As Dominates, NaN worst of all.
bool Beats(const Objectives& a, const Objectives& b) {
  const bool a_undefined = HasNaN(a), b_undefined = HasNaN(b);
  if (a_undefined || b_undefined) return !a_undefined;
  return Dominates(a, b);
}

}  // namespace

bool Dominates(std::span<const double> a, std::span<const double> b) {
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!(a[i] <= b[i])) return false;
    better = better || a[i] < b[i];
  }
  return better;
}

std::vector<std::vector<size_t>> NonDominatedFronts(std::span<const Objectives> points) {
  const size_t n = points.size();
  std::vector<std::vector<size_t>> beaten(n);  // by each point
  std::vector<size_t> beaten_by(n, 0);         // how many beat it
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      if (Beats(points[i], points[j])) {
        beaten[i].push_back(j), ++beaten_by[j];
      } else if (Beats(points[j], points[i])) {
        beaten[j].push_back(i), ++beaten_by[i];
      }
    }
  }
  std::vector<size_t> front;
  for (size_t i = 0; i < n; ++i) {
    if (beaten_by[i] == 0) front.push_back(i);
  }
  std::vector<std::vector<size_t>> fronts;
  while (!front.empty()) {
    std::vector<size_t> next;
    for (const size_t i : front) {
      for (const size_t j : beaten[i]) {
        if (--beaten_by[j] == 0) next.push_back(j);
      }
    }
    std::sort(next.begin(), next.end());
    fronts.push_back(std::move(front));
    front = std::move(next);
  }
  return fronts;
}

std::vector<double> CrowdingDistances(std::span<const Objectives> points,
                                      std::span<const size_t> front) {
  std::vector<double> distances(front.size(), 0.0);
  if (front.empty()) return distances;
  for (size_t k = 0; k < points[front[0]].size(); ++k) {
    std::vector<size_t> order(front.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto value = [&](size_t place) { return points[front[order[place]]][k]; };
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return points[front[a]][k] < points[front[b]][k]; });
    const double range = value(order.size() - 1) - value(0);
    distances[order.front()] = distances[order.back()] = std::numeric_limits<double>::infinity();
    for (size_t place = 1; place + 1 < order.size() && range > 0; ++place) {
      distances[order[place]] += (value(place + 1) - value(place - 1)) / range;
    }
  }
  return distances;
}

}  // namespace tmpq
