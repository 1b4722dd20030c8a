// Which of many predicted candidates are worth measuring.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "src/search/dominance.h"

namespace tmpq {

// Minimised objectives of which the first is uncertain: normal around `objectives[0]`.
struct PredictedPoint {
  Objectives objectives;
  double deviation = 0;  // standard deviation of the first
};

// Up to `count` indices of `points`, best first: each the one of the largest expected gain over
// `measured` and those chosen before it, at their predicted values. With two objectives or more the
// gain is of the hypervolume to `reference`; with one, of the least value, and `reference` is not
// looked at. Of equal ones the first. Points of no expected gain are not chosen.
std::vector<size_t> ChooseByGain(std::span<const PredictedPoint> points,
                                 std::vector<Objectives> measured,
                                 std::span<const double> reference, size_t count);

}  // namespace tmpq
