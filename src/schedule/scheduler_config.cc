#include "src/schedule/scheduler_config.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/schedule/scheduler_fields.h"

namespace tmpq {
namespace {

constexpr size_t kMostBytes = size_t{1} << 24;
constexpr int kMostTrainingSteps = 100000;

enum class Family { kDdim, kDdpm, kPndm, kMultistep, kSinglestep, kUnipc, kEuler, kFlow };
struct KnownClass {
  const char* name;
  const char* method;
  Family family;
  const char* spacing;  // default
};
constexpr KnownClass kKnownClasses[] = {
    {"DDIMScheduler", "ddim", Family::kDdim, "leading"},
    {"DDPMScheduler", "ddpm", Family::kDdpm, "leading"},
    {"PNDMScheduler", "plms", Family::kPndm, "leading"},
    {"DPMSolverMultistepScheduler", "dpmpp-2m", Family::kMultistep, "linspace"},
    {"DPMSolverSinglestepScheduler", "dpmpp-2s", Family::kSinglestep, "linspace"},
    {"UniPCMultistepScheduler", "unipc", Family::kUnipc, "linspace"},
    {"EulerDiscreteScheduler", "ddim", Family::kEuler, "linspace"},
    {"FlowMatchEulerDiscreteScheduler", "euler-flow", Family::kFlow, "linspace"}};

const KnownClass& ClassOf(const Json& json, const std::string& where) {
  const auto name = JsonGet<std::string>(json, "_class_name", where);
  std::string known;
  for (const KnownClass& item : kKnownClasses) {
    if (name == item.name) return item;
    known += (known.empty() ? "" : ", ") + std::string(item.name);
  }
  throw Error(ErrorCode::kUnsupported, where, "scheduler " + name + " is not supported",
              "supported are " + known);
}

// alpha_bar from betas: a list, or the kind's line from start to end.
NoiseSchedule ScheduleOf(const SchedulerFields& fields) {
  const int steps = fields.Whole("num_train_timesteps", 1000, 1, kMostTrainingSteps);
  const double start = fields.Number("beta_start", 1e-4, 0, 1),
               end = fields.Number("beta_end", 0.02, 0, 1);
  const auto kind = fields.Get<std::string>("beta_schedule", "linear");
  std::vector<double> betas;
  std::string name = "trained-betas";
  if (fields.Has("trained_betas")) {
    betas = fields.Get<std::vector<double>>("trained_betas", {});
    if (static_cast<int>(betas.size()) != steps) {
      throw Error(ErrorCode::kInput, fields.where(),
                  "trained_betas has " + std::to_string(betas.size()) + " numbers",
                  "num_train_timesteps is " + std::to_string(steps));
    }
  } else if (kind == "squaredcos_cap_v2") {
    return NoiseSchedule::Make("cosine", steps);
  } else if (kind == "linear" || kind == "scaled_linear") {
    const bool scaled = kind == "scaled_linear";
    name = kind + "(" + Json(start).dump() + ", " + Json(end).dump() + ")";
    const double from = scaled ? std::sqrt(start) : start, to = scaled ? std::sqrt(end) : end;
    for (int t = 0; t < steps; ++t) {
      const double value = steps > 1 ? from + (to - from) * t / (steps - 1) : from;
      betas.push_back(scaled ? value * value : value);
    }
  } else {
    fields.Refuse("beta_schedule", kind, "linear, scaled_linear or squaredcos_cap_v2");
  }
  double alpha_bar = 1;
  for (double& beta : betas) beta = alpha_bar *= 1 - beta;
  return NoiseSchedule::FromTable(name, std::move(betas), fields.where());
}

Prediction PredictionOf(const SchedulerFields& fields) {
  const auto name = fields.Get<std::string>("prediction_type", "epsilon");
  if (name == "epsilon") return Prediction::kEpsilon;
  if (name == "v_prediction") return Prediction::kV;
  if (name == "sample") return Prediction::kSample;
  fields.Refuse("prediction_type", name, "epsilon, v_prediction or sample");
}

Spacing SpacingOf(const SchedulerFields& fields, const KnownClass& known) {
  const auto name = fields.Get<std::string>("timestep_spacing", known.spacing);
  const bool more = known.family == Family::kMultistep || known.family == Family::kUnipc ||
                    known.family == Family::kSinglestep;
  // The singlestep solver has no such field.
  if (known.family == Family::kSinglestep) return Spacing::kLinspaceMore;
  if (name == "leading") return more ? Spacing::kLeadingMore : Spacing::kLeading;
  if (name == "trailing") return Spacing::kTrailing;
  if (name == "linspace") return more ? Spacing::kLinspaceMore : Spacing::kLinspace;
  fields.Refuse("timestep_spacing", name, "leading, trailing or linspace");
}

// The fields of solvers that have one rule here.
void CheckSolver(const SchedulerFields& fields, Family family) {
  fields.ExpectFalse({"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas",
                      "use_lu_lambdas", "use_flow_sigmas", "use_dynamic_shifting",
                      "euler_at_final"});
  fields.Expect("solver_order", 2, 2);
  fields.Expect<std::string>("final_sigmas_type", "zero", "zero");
  if (family == Family::kUnipc) {
    fields.Expect("predict_x0", true, true);
    fields.Expect<std::string>("solver_type", "bh2", "bh2");
    fields.Expect("lower_order_final", true, true);
    fields.Expect("disable_corrector", Json::array(), Json::array());
    fields.ExpectNull({"solver_p", "sigma_min", "sigma_max", "shift_terminal"});
    return;
  }
  fields.Expect<std::string>("algorithm_type", "dpmsolver++", "dpmsolver++");
  fields.Expect<std::string>("solver_type", "midpoint", "midpoint");
  fields.ExpectNull({"lambda_min_clipped"});
}

void ReadFlow(const SchedulerFields& fields, SchedulerConfig& config) {
  fields.ExpectFalse({"use_dynamic_shifting", "use_karras_sigmas", "use_exponential_sigmas",
                      "use_beta_sigmas", "invert_sigmas", "stochastic_sampling"});
  fields.ExpectNull({"shift_terminal"});
  config.shift = fields.Number("shift", 1, 1e-3, 1e3);
  config.spacing = Spacing::kFlow;
  config.settings.prediction = Prediction::kFlow;
  config.schedule =
      NoiseSchedule::Make("flow", fields.Whole("num_train_timesteps", 1000, 1, kMostTrainingSteps));
}

void ReadVariance(const SchedulerFields& fields, Family family, SchedulerConfig& config) {
  const auto variance =
      fields.Get<std::string>("variance_type", family == Family::kDdpm ? "fixed_small" : "");
  config.settings.learned_variance =
      variance == "learned_range" || (family != Family::kDdpm && variance == "learned");
  if (!config.settings.learned_variance && family == Family::kDdpm && variance != "fixed_small") {
    fields.Refuse("variance_type", variance, "fixed_small or learned_range");
  }
}

}  // namespace

SchedulerConfig ReadSchedulerConfig(const Json& json, const std::string& where) {
  const KnownClass& known = ClassOf(json, where);
  const SchedulerFields fields(json, where);
  SchedulerConfig config;
  config.class_name = known.name;
  config.settings.method = known.method;
  if (known.family == Family::kFlow) {
    ReadFlow(fields, config);
    return config;
  }
  config.schedule = ScheduleOf(fields);
  config.settings.prediction = PredictionOf(fields);
  config.spacing = SpacingOf(fields, known);
  config.steps_offset = fields.Whole("steps_offset", 0, 0, config.schedule.training_steps() - 1);
  fields.ExpectFalse({"rescale_betas_zero_snr"});
  const double first = config.schedule.alpha_bar[0];
  switch (known.family) {
    case Family::kDdim:
    case Family::kDdpm:
      fields.ExpectFalse({"thresholding"});
      fields.Expect("clip_sample", false, true);
      if (known.family == Family::kDdpm) {
        ReadVariance(fields, known.family, config);
      } else if (!fields.Get<bool>("set_alpha_to_one", true)) {
        config.schedule.final_alpha_bar = first;
      }
      break;
    case Family::kPndm:
      fields.Expect("skip_prk_steps", true, false);
      if (!fields.Get<bool>("set_alpha_to_one", false)) config.schedule.final_alpha_bar = first;
      break;
    case Family::kEuler: {
      fields.ExpectFalse({"use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"});
      fields.ExpectNull({"sigma_min", "sigma_max"});
      fields.Expect<std::string>("interpolation_type", "linear", "linear");
      fields.Expect<std::string>("timestep_type", "discrete", "discrete");
      const auto final_sigma = fields.Get<std::string>("final_sigmas_type", "zero");
      if (final_sigma == "sigma_min") {
        config.schedule.final_alpha_bar = first;
      } else {
        fields.Expect<std::string>("final_sigmas_type", "zero", "zero");
      }
      config.whole_spacing = true;
      break;
    }
    default:
      fields.ExpectFalse({"thresholding"});
      CheckSolver(fields, known.family);
      ReadVariance(fields, known.family, config);
  }
  return config;
}

namespace {

// Python writes -Infinity, which JSON lacks: null, outside of strings.
std::string WithoutInfinities(const std::string& text) {
  constexpr std::string_view kInfinity = "-Infinity";
  std::string result;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!in_string && text.compare(i, kInfinity.size(), kInfinity) == 0) {
      result += "null";
      i += kInfinity.size() - 1;
      continue;
    }
    result += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      result += text[++i];
    } else if (text[i] == '"') {
      in_string = !in_string;
    }
  }
  return result;
}

}  // namespace

SchedulerConfig LoadSchedulerConfig(const std::filesystem::path& path) {
  const auto file = std::filesystem::is_directory(path) ? path / "scheduler_config.json" : path;
  return ReadSchedulerConfig(
      ParseJson(WithoutInfinities(ReadFile(file, kMostBytes)), file.string()), file.string());
}

}  // namespace tmpq
