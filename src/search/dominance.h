// Pareto ranks and crowding of minimised points (NSGA-II, Deb et al. 2002).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tmpq {

using Objectives = std::vector<double>;

// a is at least as good as b in every objective and better in one.
bool Dominates(std::span<const double> a, std::span<const double> b);

// Fronts of indices: no point of the first is dominated; those of the next only by points of fronts
// before. Each front is ascending. Points with a NaN are dominated by all that have none.
std::vector<std::vector<size_t>> NonDominatedFronts(std::span<const Objectives> points);

// How far apart the neighbours of each point of a front are: the sum over the objectives of the
// distance between the next lower and the next higher one, divided by the front's range; infinite
// at either end of an objective. Equal points stand in the order of the front.
std::vector<double> CrowdingDistances(std::span<const Objectives> points,
                                      std::span<const size_t> front);

}  // namespace tmpq
