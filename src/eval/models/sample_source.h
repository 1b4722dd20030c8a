// What samples are drawn from: a plan on the integer runtime, or a model in float.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "kernels/include/kernels.h"
#include "src/eval/proxies/prompts.h"
#include "src/runtime/plan_file.h"
#include "src/runtime/sampler.h"

namespace tmpq {

struct SourceOptions {
  std::filesystem::path plan;  // without one, `model` runs in float
  // A name of LoadAnyModel. With a plan: the model that it was made from, by default the one that
  // the plan names; it is opened where float weights are needed.
  std::string model;
  bool in_float = false;              // the plan's timesteps in float
  bool with_model = false;            // open the plan's model in any case: SampleInFloat needs it
  int steps = 20;                     // of a model without a plan
  std::string timesteps = "uniform";  // likewise: HandTimesteps
  double guidance = -1;               // of a model without a plan; -1: its own
  std::string sampler;                // likewise; empty: its own
  std::filesystem::path bundled;
};

// Not to be moved: its parts refer to each other.
class SampleSource {
 public:
  // Throws kUsage where neither plan nor model is named, kInput for a model that the plan was not
  // made from, and as PlanFile and LoadAnyModel do.
  SampleSource(const SourceOptions& options, const kernels::KernelSet& kernels);
  SampleSource(const SampleSource&) = delete;
  SampleSource& operator=(const SampleSource&) = delete;

  // Of the model.
  const std::string& name() const { return name_; }
  Hash128 model_hash() const { return model_hash_; }
  const DiffusionSampler& sampler() const { return *sampler_; }
  const TimestepSequence& timesteps() const { return timesteps_; }
  // Folder of text encoders and autoencoder, or empty.
  const std::string& pipeline() const { return pipeline_; }
  // The model's sampling settings; null for a plan whose model was not opened.
  const Json& sampling() const { return sampling_; }
  bool in_float() const { return plan_ == nullptr; }

  // What the source samples with, and the float network at other timesteps, which for a plan needs
  // its model (aborts).
  SamplingRun Run() const;
  SamplingRun RunInFloat(const TimestepSequence& timesteps) const;

  // Of the model's text; a caller adds prompts of its own.
  PromptSource prompt_source() const;

 private:
  void OpenModel(const SourceOptions& options);
  void OpenPlan(const SourceOptions& options);

  std::string name_, pipeline_;
  Hash128 model_hash_;
  std::unique_ptr<PlanFile> plan_;  // null: in float
  bool float_weights_ = false;
  Graph graph_;
  ParameterSet parameters_;
  NoiseSchedule schedule_;
  SamplerSettings settings_;
  TimestepSequence timesteps_;
  Json text_, sampling_;
  std::unique_ptr<RuntimeNetwork> network_;
  std::unique_ptr<DiffusionSampler> sampler_;
};

}  // namespace tmpq
