#include "src/search/hypervolume.h"

#include <algorithm>
#include <functional>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Area between points (x, y) and (reference_x, reference_y).
double Area(std::vector<std::pair<double, double>> points, double reference_x, double reference_y) {
  std::sort(points.begin(), points.end());
  double area = 0, lowest = reference_y;
  for (const auto& [x, y] : points) {
    if (y >= lowest) continue;
    area += (reference_x - x) * (lowest - y);
    lowest = y;
  }
  return area;
}

// Slices along the last objective: each is what all points that have begun dominate in the others.
double Volume(std::vector<std::vector<double>> points, std::span<const double> reference) {
  const size_t last = reference.size() - 1;
  if (last == 1) {
    std::vector<std::pair<double, double>> flat;
    for (const auto& point : points) flat.emplace_back(point[0], point[1]);
    return Area(std::move(flat), reference[0], reference[1]);
  }
  std::stable_sort(points.begin(), points.end(),
                   [&](const auto& a, const auto& b) { return a[last] < b[last]; });
  double volume = 0;
  std::vector<std::vector<double>> begun;
  for (size_t i = 0; i < points.size(); ++i) {
    const bool is_new = std::none_of(begun.begin(), begun.end(), [&](const auto& other) {
      return std::equal(other.begin(), other.begin() + last, points[i].begin(), std::less_equal());
    });
    if (is_new) begun.push_back(points[i]);
    const double end = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    if (end > points[i][last]) {
      volume += (end - points[i][last]) * Volume(begun, reference.first(last));
    }
  }
  return volume;
}

}  // namespace

double Hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference) {
  const size_t dimensions = reference.size();
  TMPQ_CHECK(dimensions >= 2, "hypervolume of two objectives or more");
  std::vector<std::vector<double>> inside;
  for (const std::vector<double>& point : points) {
    TMPQ_CHECK(point.size() == dimensions, "points and reference differ in dimension");
    bool better = true;
    for (size_t i = 0; i < dimensions; ++i) better = better && point[i] < reference[i];
    if (better) inside.push_back(point);
  }
  return Volume(std::move(inside), reference);
}

}  // namespace tmpq
