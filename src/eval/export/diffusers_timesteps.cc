#include "src/eval/export/diffusers_timesteps.h"

#include <string>
#include <vector>

namespace tmpq {
namespace {

Json NoScheduler(const std::string& reason) { return {{"class", nullptr}, {"reason", reason}}; }

const char* PredictionType(Prediction prediction) {
  switch (prediction) {
    case Prediction::kEpsilon:
      return "epsilon";
    case Prediction::kV:
      return "v_prediction";
    case Prediction::kSample:
      return "sample";
    case Prediction::kFlow:
      return "flow_prediction";
  }
  return "";
}

// beta_t = 1 - alpha_bar_t / alpha_bar_(t-1).
std::vector<double> Betas(const NoiseSchedule& schedule) {
  std::vector<double> betas;
  double before = 1;
  for (const double alpha_bar : schedule.alpha_bar) {
    betas.push_back(1 - alpha_bar / before);
    before = alpha_bar;
  }
  return betas;
}

Json FlowScheduler(const NoiseSchedule& schedule, const TimestepSequence& timesteps) {
  std::vector<double> sigmas;
  for (const int t : timesteps.values()) {
    sigmas.push_back(static_cast<double>(t) / schedule.training_steps());
  }
  return {{"class", "FlowMatchEulerDiscreteScheduler"},
          {"config", {{"num_train_timesteps", schedule.training_steps()}}},
          {"set_timesteps", {{"sigmas", sigmas}}}};
}

}  // namespace

Json DiffusersScheduler(const NoiseSchedule& schedule, const SamplerSettings& sampler,
                        const TimestepSequence& timesteps) {
  if (sampler.method == "euler-flow") return FlowScheduler(schedule, timesteps);
  if (schedule.final_alpha_bar != 1) return NoScheduler("the last step stops short of no noise");
  Json config = {{"num_train_timesteps", schedule.training_steps()},
                 {"trained_betas", Betas(schedule)},
                 {"prediction_type", PredictionType(sampler.prediction)}};
  std::string name;
  if (sampler.method == "ddim") {
    if (sampler.eta != 0) return NoScheduler("DDIMScheduler takes no timesteps of one's own");
    if (sampler.prediction == Prediction::kSample) {
      return NoScheduler("EulerDiscreteScheduler takes no networks that predict the sample");
    }
    name = "EulerDiscreteScheduler";
    config["timestep_spacing"] = "leading";  // begins from noise that is scaled as DDIM's
  } else if (sampler.method == "ddpm") {
    name = "DDPMScheduler";
    config["clip_sample"] = false;
    config["variance_type"] = sampler.learned_variance ? "learned_range" : "fixed_small";
  } else if (sampler.method == "dpmpp-2m") {
    name = "DPMSolverMultistepScheduler";
  } else if (sampler.method == "dpmpp-2s") {
    name = "DPMSolverSinglestepScheduler";
    config["final_sigmas_type"] = "zero";
    config["lower_order_final"] = true;
  } else {
    return NoScheduler("the scheduler of " + sampler.method + " takes no timesteps of one's own");
  }
  return {{"class", name},
          {"config", std::move(config)},
          {"set_timesteps", {{"timesteps", timesteps.values()}}}};
}

}  // namespace tmpq
