// A trained network in one self-contained file: graph, float parameters, and how to sample from it.
#pragma once

#include <filesystem>
#include <string>

#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

// Safetensors with the metadata "tmpq.model": {"format", "name", "graph", "sampling", "training"}.
struct ModelFile {
  std::string name;  // "fashion-dit"
  Graph graph;
  ParameterSet parameters;
  // {"schedule", "sampler", "feature_net": name[, "text": {"vocabulary", "prompts", "judge"}]}:
  // read by src/schedule and src/eval; null for networks that are not sampled from.
  Json sampling;
  Json training;  // how it was made: data, config, seed, quality; not interpreted
  Hash128 hash;   // of the file; set by Load

  // Throws kIo, kCorrupt (checksum), kInput (contents).
  static ModelFile Load(const std::filesystem::path& path);
  void Save(const std::filesystem::path& path) const;
};

// A network that a user brings without C++: `folder` holds network.json ("format":
// "tmpq-network-1", "name", "graph", and to sample from it "sampling", as in a model file) beside
// weights.safetensors (whole or in shards, any writer; convolutions as PyTorch lays them out).
// Throws kIo, kCorrupt, kInput.
bool IsNetworkFolder(const std::filesystem::path& folder);
ModelFile LoadNetworkFolder(const std::filesystem::path& folder);

// The member "text" of `sampling`, or null.
Json TextOf(const Json& sampling);

// The weights file of `--model NAME|DIR|FILE`: a file, a folder with weights.safetensors, or a
// bundled model's name below `bundled` (a checkpoints folder). Throws kInput listing the bundled
// names.
std::filesystem::path FindModel(const std::string& name, const std::filesystem::path& bundled);

}  // namespace tmpq
