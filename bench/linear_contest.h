// One linear layer, run by the kernels and by peers, checked and timed against each other.
#pragma once

#include "bench/contest.h"
#include "bench/linear_case.h"

namespace tmpq {

// What a contestant does: "linear" from float to float with per-token quantization, or "product" of
// integers to int32. Members: shape, threads, "peak_gops" (of vpdpbusd; null without it),
// "results": [{"name", "kind", "microseconds", "gops", "share_of_peak"}]; speeds are of the median
// and of the fastest repetition. Aborts where a result is wrong.
Json RunLinearContest(const LinearShape& shape, int threads, const ContestSettings& settings);

}  // namespace tmpq
