#include "src/eval/models/sample_source.h"

#include "src/core/error.h"
#include "src/eval/models/any_model.h"
#include "src/models/split_concatenation.h"
#include "src/schedule/hand_timesteps.h"

namespace tmpq {
namespace {

// The model that a plan was made from, checked.
ModelFile LoadModelOfPlan(const PlanDescription& plan, const SourceOptions& options) {
  const std::string wanted = options.model.empty() ? plan.model_name : options.model;
  ModelFile model = LoadAnyModel(wanted, options.bundled);
  // A recipe split it: whoever names the model need not know.
  if (plan.model_name == model.name + kSplitEnding) model = SplitConcatenations(model);
  if (model.hash != plan.model_hash) {
    throw Error(ErrorCode::kInput, wanted, "is another model than the plan was made from",
                "the plan belongs to " + plan.model_name + " of hash " + plan.model_hash.Hex());
  }
  return model;
}

}  // namespace

SampleSource::SampleSource(const SourceOptions& options, const kernels::KernelSet& kernels) {
  if (!options.plan.empty()) {
    OpenPlan(options);
  } else if (!options.model.empty()) {
    OpenModel(options);
  } else {
    throw Error(ErrorCode::kUsage, "command line", "needs --plan, or --model to sample in float");
  }
  network_ = std::make_unique<RuntimeNetwork>(graph_, parameters_, kernels);
  sampler_ = std::make_unique<DiffusionSampler>(*network_, schedule_, settings_);
}

void SampleSource::OpenModel(const SourceOptions& options) {
  ModelFile model = LoadAnyModel(options.model, options.bundled);
  name_ = model.name, model_hash_ = model.hash, pipeline_ = PipelineOf(model);
  schedule_ = ScheduleOf(model), settings_ = SamplerOf(model);
  text_ = TextOf(model.sampling), sampling_ = model.sampling;
  CheckRange("--steps", options.steps, 1, schedule_.training_steps());
  if (!options.sampler.empty()) {
    CheckMethod(options.sampler);
    settings_.method = options.sampler;
  }
  if (options.guidance >= 0) {
    settings_.guidance_scale = options.guidance;
    settings_.guidance_ranges.clear();
  }
  timesteps_ = HandTimesteps(options.timesteps, options.steps, schedule_);
  graph_ = std::move(model.graph), parameters_ = std::move(model.parameters);
  float_weights_ = true;
}

void SampleSource::OpenPlan(const SourceOptions& options) {
  plan_ = std::make_unique<PlanFile>(options.plan);
  const PlanDescription& description = plan_->description();
  name_ = description.model_name, model_hash_ = description.model_hash;
  pipeline_ = description.pipeline, text_ = description.text;
  graph_ = description.graph, schedule_ = description.schedule, settings_ = description.sampler;
  timesteps_ = description.candidate.timesteps();
  // Float weights are not part of a plan.
  float_weights_ = options.in_float || options.with_model || !options.model.empty();
  if (float_weights_) {
    ModelFile model = LoadModelOfPlan(description, options);
    parameters_ = std::move(model.parameters), sampling_ = model.sampling;
  } else {
    parameters_ = plan_->parameters();
  }
  // A plan that was moved finds its pipeline where the model is said to be.
  if (!pipeline_.empty() && !options.model.empty()) pipeline_ = options.model;
  if (options.in_float) plan_ = nullptr;
}

SamplingRun SampleSource::Run() const {
  if (plan_ == nullptr) return sampler_->PrepareFloat(timesteps_);
  return sampler_->Prepare(plan_->description().candidate, &plan_->weights());
}

SamplingRun SampleSource::RunInFloat(const TimestepSequence& timesteps) const {
  TMPQ_CHECK(float_weights_, "a plan without its model has no float weights");
  return sampler_->PrepareFloat(timesteps);
}

PromptSource SampleSource::prompt_source() const { return {name_, text_, pipeline_, {}, {}}; }

}  // namespace tmpq
