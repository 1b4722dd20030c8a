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
#include "src/supernet/packed_weight_table.h"

namespace tmpq {

class Supernet {
 public:
  // Quantizes and packs all weight sites at all `widths` and writes the file. The bytes depend on
  // the model and the widths alone. `model_hash` binds the file to the trained weights.
  static void Build(const Graph& graph, const ParameterSet& parameters, Hash128 model_hash,
                    const std::vector<BitWidth>& widths, const std::filesystem::path& path,
                    Progress& progress);

  // Maps and verifies a file. Throws kIo, kCorrupt, or kInput when it was made for another model or
  // lacks a width of `widths`.
  Supernet(const std::filesystem::path& path, const Graph& graph, Hash128 model_hash,
           const std::vector<BitWidth>& widths);

  const PackedWeightTable& weights() const { return *table_; }
  Hash128 hash() const { return file_->hash(); }

 private:
  std::unique_ptr<TensorFile> file_;  // stable addresses: the table points into it
  std::unique_ptr<PackedWeightTable> table_;
};

}  // namespace tmpq
