#include "src/search/nsga2.h"

#include <numeric>

namespace tmpq {

Survivors SelectSurvivors(const std::vector<Objectives>& points, size_t most) {
  Survivors survivors;
  const auto fronts = NonDominatedFronts(points);
  for (size_t rank = 0; rank < fronts.size() && survivors.indices.size() < most; ++rank) {
    const std::vector<size_t>& front = fronts[rank];
    const std::vector<double> crowding = CrowdingDistances(points, front);
    std::vector<size_t> order(front.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const size_t room = most - survivors.indices.size();
    if (front.size() > room) {
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return crowding[a] > crowding[b]; });
      order.resize(room);
      std::sort(order.begin(), order.end());
    }
    for (const size_t i : order) {
      survivors.indices.push_back(front[i]);
      survivors.ranks.push_back(rank);
      survivors.crowding.push_back(crowding[i]);
    }
  }
  return survivors;
}

}  // namespace tmpq
