#include "src/search/screening.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

// Medians of five equally probable parts of a normal distribution.
constexpr double kQuantiles[] = {-1.2815515655, -0.5244005127, 0, 0.5244005127, 1.2815515655};

// What is dominated by `point`, down to `reference`, and by none of `front`, in two dimensions.
double OwnArea(const Objectives& point, std::span<const Objectives> front,
               std::span<const double> reference) {
  double area = 0, from = point[0], lowest = reference[1];
  for (const Objectives& other : front) {  // by the first objective
    if (other[0] >= reference[0] || lowest <= point[1]) break;
    if (other[0] > from) {
      area += (other[0] - from) * (lowest - point[1]);
      from = other[0];
    }
    lowest = std::min(lowest, other[1]);
  }
  if (from < reference[0] && lowest > point[1]) area += (reference[0] - from) * (lowest - point[1]);
  return area;
}

// The same in more.
double OwnVolume(const Objectives& point, std::span<const Objectives> front,
                 std::span<const double> reference) {
  double box = 1;
  for (size_t k = 0; k < point.size(); ++k) box *= std::max(0.0, reference[k] - point[k]);
  if (box == 0) return 0;
  std::vector<Objectives> inside;
  for (const Objectives& other : front) {
    Objectives clipped = other;
    bool covers = true;
    for (size_t k = 0; k < point.size(); ++k) {
      covers = covers && clipped[k] <= point[k];
      clipped[k] = std::max(clipped[k], point[k]);
    }
    if (covers) return 0;
    inside.push_back(std::move(clipped));
  }
  return box - Hypervolume(inside, reference);
}

double GainOver(const Objectives& point, std::span<const Objectives> front,
                std::span<const double> reference) {
  if (point.size() > 2) return OwnVolume(point, front, reference);
  if (point.size() == 2) return OwnArea(point, front, reference);
  double least = std::numeric_limits<double>::infinity();
  for (const Objectives& other : front) least = std::min(least, other[0]);
  return front.empty() ? 1 : std::max(0.0, least - point[0]);
}

double ExpectedGain(const PredictedPoint& point, std::span<const Objectives> front,
                    std::span<const double> reference) {
  double sum = 0;
  Objectives possible = point.objectives;
  for (const double quantile : kQuantiles) {
    possible[0] = point.objectives[0] + quantile * point.deviation;
    sum += GainOver(possible, front, reference);
  }
  return sum / std::size(kQuantiles);
}

// Sorted.
std::vector<Objectives> FrontOf(const std::vector<Objectives>& points) {
  std::vector<Objectives> front;
  const auto fronts = NonDominatedFronts(points);
  if (fronts.empty()) return front;
  for (const size_t i : fronts[0]) front.push_back(points[i]);
  std::sort(front.begin(), front.end());
  return front;
}

}  // namespace

std::vector<size_t> ChooseByGain(std::span<const PredictedPoint> points,
                                 std::vector<Objectives> measured,
                                 std::span<const double> reference, size_t count) {
  struct Entry {
    double gain;
    size_t index;
    size_t chosen_before;  // when the gain was computed
    bool operator<(const Entry& other) const {
      return gain != other.gain ? gain < other.gain : index > other.index;
    }
  };
  std::vector<Objectives> front = FrontOf(measured);
  std::priority_queue<Entry> queue;
  for (size_t i = 0; i < points.size(); ++i) {
    queue.push({ExpectedGain(points[i], front, reference), i, 0});
  }
  // Gains only fall as points are chosen, so an up-to-date one at the top is the largest.
  std::vector<size_t> chosen;
  while (chosen.size() < count && !queue.empty() && queue.top().gain > 0) {
    Entry best = queue.top();
    queue.pop();
    if (best.chosen_before == chosen.size()) {
      chosen.push_back(best.index);
      const Objectives& point = points[best.index].objectives;
      front.insert(std::upper_bound(front.begin(), front.end(), point), point);
      continue;
    }
    best.gain = ExpectedGain(points[best.index], front, reference);
    best.chosen_before = chosen.size();
    queue.push(best);
  }
  return chosen;
}

}  // namespace tmpq
