// Makes one cell of a table: a plan by the cell's method, measured on samples of its own.
#pragma once

#include "src/core/json.h"
#include "src/eval/experiment/cell_inputs.h"

namespace tmpq {

// {cell, key, costs, metrics, history, networks, hashes, reference, git_revision, seconds}. Plans
// and supernets are removed again; float samples stay in `work`, for the model's other cells.
// Throws what its stages throw.
Json RunCell(const ExperimentCell& cell, const CellSession& session);

}  // namespace tmpq
