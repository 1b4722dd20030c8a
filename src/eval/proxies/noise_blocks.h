// Losses of candidates compared on the same noise, from what a journal can hold of them.
#pragma once

#include <span>
#include <string>

#include "src/metrics/estimate.h"
#include "src/search/evaluator.h"

namespace tmpq {

// Adds the means of up to 20 blocks of successive samples, as members "<name>.block0", ...:
// `values` has one a sample, whose mean is the loss, or the loss but for a constant.
void SetBlocks(Measurements& measurements, const std::string& name, std::span<const double> values);
// Whether a measurement is such a block.
bool IsBlock(const std::string& name);

// Loss `name` of a minus that of b, both of `samples` samples of the same noise. Estimand: the
// expected difference. Method: Student's t interval of the blocks' differences, so what the noise
// does to both cancels. Throws kInput where blocks are missing, as in a journal of an older
// program.
Estimate EstimateBlockDifference(const Measurements& a, const Measurements& b,
                                 const std::string& name, int64_t samples);

}  // namespace tmpq
