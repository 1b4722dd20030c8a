// Allocation under any number of limits as an integer programme, solved by COIN-OR CBC.
#pragma once

#include "src/search/allocation/problem.h"

namespace tmpq {

// The allocation with the least error that fits: one binary variable an item, one of each group is
// 1 (MixDQ's formulation, Zhao et al., arXiv 2405.17873). Optimal to 1e-9 of the errors' range;
// limits hold exactly. One thread, deterministic. Throws kInput; kUsage where nothing fits, naming
// a limit's smallest feasible value; kUnsupported where CBC gives up.
Allocation SolveIntegerProgramme(const AllocationProblem& problem);

}  // namespace tmpq
