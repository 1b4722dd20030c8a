// A search of a model, opened as far as its supernet, in a folder that goes with it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/temporary_folder.h"
#include "src/core/config.h"
#include "src/core/file.h"
#include "src/eval/driver/search_bench.h"

namespace tmpq {

struct OpenedSearch {
  TemporaryFolder folder;
  std::unique_ptr<SearchBench> bench;

  // `bits`: ascending, of weights and activations; the budget leaves room for the widest;
  // `kernels`: null for the fastest. Throws what opening a model and making its supernet throw.
  OpenedSearch(const std::string& model, const QuantRecipe& recipe, const std::vector<int>& bits,
               const std::filesystem::path& bundled, int64_t batch, Progress& progress,
               const kernels::KernelSet* kernels = nullptr) {
    const auto recipe_file = folder.path() / "recipe.ini";
    WriteFileAtomically(recipe_file, ConfigText(recipe));
    SearchConfig config;
    config.model = model, config.recipe = recipe_file;
    config.weight_bits = config.activation_bits = bits;
    config.budget = std::to_string(bits.back()) + "bit";
    SearchSession session;
    session.out = folder.path(), session.bundled = bundled;
    session.batch = batch, session.kernels = kernels, session.progress = &progress;
    bench = std::make_unique<SearchBench>(config, session);
    bench->OpenSampler();
    bench->OpenSupernet();
  }
};

}  // namespace tmpq
