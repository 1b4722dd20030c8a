// What a cell of a table is made from: the configs of its stages, its key, its metrics, and what it
// shares with other cells.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/progress.h"
#include "src/eval/driver/search_config.h"
#include "src/eval/experiment/experiment.h"
#include "src/eval/experiment/input_hashes.h"
#include "src/eval/sensitivity/sensitivity_config.h"
#include "src/eval/workers/transport.h"
#include "src/models/model_file.h"
#include "src/runtime/device/device.h"

namespace tmpq {

// What a cell's result does not depend on.
struct CellSession {
  std::filesystem::path work;      // folder of everything that is made on the way
  std::filesystem::path finished;  // cells.jsonl of a table made before; may be missing
  bool fresh = false;              // what it holds of the cells in question is made again
  std::filesystem::path bundled;   // bundled models and networks
  int threads = 0;
  int64_t batch = 8;
  const kernels::KernelSet* kernels = nullptr;  // null: the fastest of this processor
  Device* device = nullptr;                     // that samples; null: this processor
  const std::atomic<bool>* interrupted = nullptr;
  Progress* progress = nullptr;
  Transport* ranks = nullptr;  // of the job that makes cells (cell_job.h); null: this process
  std::shared_ptr<InputHashes> hashes = std::make_shared<InputHashes>();  // of a run
};

// Of the cell's model, recipe, steps, networks and seed; what else a search has is its default.
SearchConfig SearchConfigOf(const ExperimentCell& cell);
// Of method quantize. Throw kUsage.
SearchConfig QuantizeConfigOf(const ExperimentCell& cell);
// Of methods search and predicted, with the row's [search] on top. Throw kUsage.
SearchConfig RowSearchConfigOf(const ExperimentCell& cell);
// The finished search whose predictions all budgets of a row and seed share.
std::filesystem::path PredictingFolderOf(const ExperimentCell& cell, const CellSession& session);
// One table for all cells of a model and recipe, whatever their bits and seeds.
SensitivityConfig SensitivityConfigOf(const ExperimentCell& cell);
// Jump errors are the same for all seeds.
SearchConfig JumpsConfigOf(const ExperimentCell& cell);
std::filesystem::path SensitivityFolderOf(const ExperimentCell& cell, const CellSession& session);
std::filesystem::path JumpsFolderOf(const ExperimentCell& cell, const CellSession& session);

// The row's metrics that this model can have: for an encoder, a judge, frames, data.
std::vector<std::string> MetricsOf(const ExperimentCell& cell, const ModelFile& model,
                                   const CellSession& session);
// Throws kUsage where an own model cannot have one of its rows' metrics, and as LoadAnyModel does.
void CheckMetrics(const Experiment& experiment, const CellSession& session);

// What the result is a function of, hashed: config, recipe, model.
std::string KeyOf(const ExperimentCell& cell, const CellSession& session);

// Names of what the cell keeps in `work` for other cells, which have the same name for it.
std::vector<std::string> SharedParts(const ExperimentCell& cell, const CellSession& session);

}  // namespace tmpq
