// Private to scheduler_config.cc: the fields of a scheduler_config.json, with errors that name
// them.
#pragma once

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <iterator>
#include <string>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {

// Fields that some class has. Files carry those of other classes along, which a class ignores.
// clang-format off
inline constexpr const char* kSchedulerFields[] = {
    "algorithm_type", "base_image_seq_len", "base_shift", "beta_end", "beta_schedule",
    "beta_start", "clip_sample", "clip_sample_range", "disable_corrector",
    "dynamic_thresholding_ratio", "euler_at_final", "final_sigmas_type", "flow_shift",
    "interpolation_type", "invert_sigmas", "lambda_min_clipped", "lower_order_final",
    "max_image_seq_len", "max_shift", "num_train_timesteps", "predict_x0",
    "prediction_type",
    "rescale_betas_zero_snr", "sample_max_value", "set_alpha_to_one", "shift", "shift_terminal",
    "sigma_max", "sigma_min", "skip_prk_steps", "solver_order", "solver_p", "solver_type",
    "steps_offset", "stochastic_sampling", "thresholding", "time_shift_type",
    "timestep_spacing", "timestep_type", "trained_betas", "use_beta_sigmas",
    "use_dynamic_shifting", "use_exponential_sigmas", "use_flow_sigmas", "use_karras_sigmas",
    "use_lu_lambdas", "variance_type",
};
// clang-format on

class SchedulerFields {
 public:
  // Both outlive this object. Throws kUnsupported for a field that no class has.
  SchedulerFields(const Json& json, const std::string& where) : json_(json), where_(where) {
    if (!json.is_object()) throw Error(ErrorCode::kInput, where, "is not a JSON object");
    RefuseUnknown();
  }

  const std::string& where() const { return where_; }
  bool Has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  template <typename T>
  T Get(const char* key, const T& fallback) const {
    return Has(key) ? JsonGet<T>(json_, key, where_) : fallback;
  }
  double Number(const char* key, double fallback, double low, double high) const {
    const auto value = Get<double>(key, fallback);
    if (!(value >= low && value <= high)) {
      throw Error(ErrorCode::kInput, where_, std::string(key) + " is " + std::to_string(value),
                  std::to_string(low) + " to " + std::to_string(high) + " is expected");
    }
    return value;
  }
  int Whole(const char* key, int fallback, int low, int high) const {
    const double value = Number(key, fallback, low, high);
    if (value != std::floor(value)) {
      throw Error(ErrorCode::kInput, where_, std::string(key) + " is no whole number");
    }
    return static_cast<int>(value);
  }
  [[noreturn]] void Refuse(const char* key, const Json& value, const std::string& supported) const {
    throw Error(ErrorCode::kUnsupported, where_,
                std::string(key) + " = " + value.dump() + (Has(key) ? "" : " (the default)") +
                    " is not supported",
                "supported is " + supported);
  }
  // Refuses any value but `supported`; `fallback` is what a missing field means.
  template <typename T>
  void Expect(const char* key, const T& supported, const T& fallback) const {
    const Json value = Has(key) ? json_.at(key) : Json(fallback);
    if (value != Json(supported)) Refuse(key, value, Json(supported).dump());
  }
  void ExpectFalse(std::initializer_list<const char*> keys) const {
    for (const char* key : keys) Expect(key, false, false);
  }
  void ExpectNull(std::initializer_list<const char*> keys) const {
    for (const char* key : keys) {
      if (Has(key)) Refuse(key, json_.at(key), "null");
    }
  }

 private:
  void RefuseUnknown() const {
    for (const auto& [key, value] : json_.items()) {
      const bool known = key.starts_with("_") ||
                         std::any_of(std::begin(kSchedulerFields), std::end(kSchedulerFields),
                                     [&name = key](const char* field) { return name == field; });
      if (!known) {
        throw Error(ErrorCode::kUnsupported, where_, "field \"" + key + "\" is unknown",
                    "no supported scheduler has it; remove it if it means nothing");
      }
    }
  }

  const Json& json_;
  const std::string& where_;
};

}  // namespace tmpq
