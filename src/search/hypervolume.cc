#include "src/search/hypervolume.h"

#include <algorithm>

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

}  // namespace

double Hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference) {
  const size_t dimensions = reference.size();
  TMPQ_CHECK(dimensions == 2 || dimensions == 3, "hypervolume of 2 or 3 objectives");
  std::vector<std::vector<double>> inside;
  for (const std::vector<double>& point : points) {
    TMPQ_CHECK(point.size() == dimensions, "points and reference differ in dimension");
    bool better = true;
    for (size_t i = 0; i < dimensions; ++i) better = better && point[i] < reference[i];
    if (better) inside.push_back(point);
  }
  if (dimensions == 2) {
    std::vector<std::pair<double, double>> flat;
    for (const auto& point : inside) flat.emplace_back(point[0], point[1]);
    return Area(std::move(flat), reference[0], reference[1]);
  }
  // Slices along the last objective: each is the area of all points that have begun.
  std::sort(inside.begin(), inside.end(), [](const auto& a, const auto& b) { return a[2] < b[2]; });
  double volume = 0;
  std::vector<std::pair<double, double>> begun;
  for (size_t i = 0; i < inside.size(); ++i) {
    begun.emplace_back(inside[i][0], inside[i][1]);
    const double end = i + 1 < inside.size() ? inside[i + 1][2] : reference[2];
    if (end > inside[i][2])
      volume += (end - inside[i][2]) * Area(begun, reference[0], reference[1]);
  }
  return volume;
}

}  // namespace tmpq
