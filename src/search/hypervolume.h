// How much of the objective space a front dominates.
#pragma once

#include <span>
#include <vector>

namespace tmpq {

// Exact hypervolume between minimised points (2 objectives or more) and a reference point; points
// that are not better than it in every objective add nothing. O(n^(d - 1) log n) in d dimensions.
double Hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference);

}  // namespace tmpq
