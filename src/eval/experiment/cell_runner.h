// Makes one cell of a table: a plan by the cell's method, measured on samples of its own.
#pragma once

#include <atomic>
#include <filesystem>

#include "src/core/json.h"
#include "src/core/progress.h"
#include "src/eval/experiment/experiment.h"

namespace tmpq {

// What a cell's result does not depend on.
struct CellSession {
  std::filesystem::path work;      // folder of everything that is made on the way
  std::filesystem::path finished;  // cells.jsonl of a table made before; may be missing
  std::filesystem::path bundled;   // bundled models and networks
  int threads = 0;
  int64_t batch = 8;
  const std::atomic<bool>* interrupted = nullptr;
  Progress* progress = nullptr;
};

// What the result is a function of, hashed: config, recipe, model.
std::string KeyOf(const ExperimentCell& cell, const CellSession& session);

// {cell, key, costs, metrics, history, networks, hashes, reference, git_revision, seconds}. Plans
// and supernets are removed again; float samples stay in `work`, for the model's other cells.
// Throws what its stages throw.
Json RunCell(const ExperimentCell& cell, const CellSession& session);

}  // namespace tmpq
