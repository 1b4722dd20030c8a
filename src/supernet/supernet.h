// The weight-sharing quantization supernet: every weight site's packed integers at every candidate
// bit-width in one memory-mapped file. Activating a candidate is choosing pointers (TMPQ-DM's
// precision solver).
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "src/core/progress.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/supernet/quant_table.h"

namespace tmpq {

// How the weights and inputs become integers; the default is round to nearest.
struct SupernetOptions {
  QuantRecipe recipe;
  QuantScheme scheme;                                 // SchemeOf(recipe, ..)
  std::vector<BitWidth> activation_widths = {};       // of static scales
  const CalibrationStatistics* statistics = nullptr;  // where the recipe needs them
  WeightRounder rounder = {};
  LearnedSteps steps = {};
};

class Supernet {
 public:
  // Quantizes and packs all weight sites at all `widths` and writes the file. The bytes depend on
  // the arguments alone, not on threads. `model_hash` binds the file to the trained weights. Throws
  // what QuantizeLayer throws.
  static void Build(const Graph& graph, const ParameterSet& parameters, Hash128 model_hash,
                    const std::vector<BitWidth>& widths, const std::filesystem::path& path,
                    Progress& progress, const SupernetOptions& options = {});

  // Maps and verifies a file. Throws kIo, kCorrupt, or kInput when it was made for another model or
  // lacks a width of `widths`.
  Supernet(const std::filesystem::path& path, const Graph& graph, Hash128 model_hash,
           const std::vector<BitWidth>& widths);

  const QuantTable& weights() const { return *table_; }
  Hash128 hash() const { return file_->hash(); }

 private:
  std::unique_ptr<TensorFile> file_;  // stable addresses: the table points into it
  std::unique_ptr<QuantTable> table_;
};

}  // namespace tmpq
