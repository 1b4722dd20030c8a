// What ships: one safetensors file with everything that sampling needs (docs/formats.md).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "src/core/tensor_file.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/plan/candidate.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"
#include "src/supernet/quant_table.h"

namespace tmpq {

// A plan's content without its weights.
struct PlanDescription {
  std::string model_name;
  Hash128 model_hash;  // of the model file that the weights come from
  Graph graph;
  Candidate candidate;
  NoiseSchedule schedule;
  SamplerSettings sampler;
  Json text;             // of the model's sampling settings; null without captions
  std::string pipeline;  // folder whose encoders and autoencoder go with the network, or empty
  Json provenance;       // program, git revision, seed, config; not interpreted
};

// Writes a plan: the packed weights that `description.candidate` uses, copied from `weights`, and
// the float parameters that stay float. The same arguments give the same bytes.
void WritePlan(const std::filesystem::path& path, const PlanDescription& description,
               const ParameterSet& parameters, const QuantTable& weights);

// A plan opened for running. Const-safe.
class PlanFile {
 public:
  // Throws kIo, kCorrupt (checksum) or kInput (content).
  explicit PlanFile(const std::filesystem::path& path);

  const PlanDescription& description() const { return description_; }
  // Views into the file: this object outlives copies too.
  const ParameterSet& parameters() const { return parameters_; }
  const QuantTable& weights() const { return *weights_; }
  Hash128 hash() const { return file_.hash(); }
  // Everything in the file, by name (docs/formats.md).
  const std::map<std::string, TensorView>& tensors() const { return file_.tensors(); }

 private:
  TensorFile file_;
  PlanDescription description_;
  ParameterSet parameters_;
  std::unique_ptr<QuantTable> weights_;
};

}  // namespace tmpq
