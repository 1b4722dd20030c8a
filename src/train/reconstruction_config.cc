#include "src/train/reconstruction_config.h"

#include "src/core/error.h"

namespace tmpq {

ReconstructionConfig ReconstructionConfig::Profile(const std::string& name) {
  ReconstructionConfig config;
  if (name == "published") return config;
  if (name != "quick") {
    throw Error(ErrorCode::kUsage, "profile", "is unknown: \"" + name + "\"", "published or quick");
  }
  // Few iterations have to go further each.
  config.weight_iterations = 500, config.activation_iterations = 200;
  config.minibatch = 16, config.weight_rate = 1e-2;
  config.samples = 16, config.sampling_steps = 20;
  return config;
}

void ReconstructionConfig::Validate() const {
  CheckRange("weight_iterations", weight_iterations, 1, 1e8);
  CheckRange("activation_iterations", activation_iterations, 1, 1e8);
  CheckRange("minibatch", minibatch, 1, 65536);
  CheckRange("weight_rate", weight_rate, 0, 10);
  CheckRange("activation_rate", activation_rate, 0, 10);
  CheckRange("weight_norm", weight_norm, 1, 10);
  CheckRange("activation_norm", activation_norm, 1, 10);
  CheckRange("regulariser", regulariser, 0, 1000);
  CheckRange("warmup", warmup, 0, 1);
  CheckRange("first_beta", first_beta, 1, 100);
  CheckRange("last_beta", last_beta, 1, first_beta);
  CheckRange("samples", samples, 1, 1e6);
  CheckRange("sampling_steps", sampling_steps, 1, 1e4);
  CheckRange("kept_steps", kept_steps, 1, sampling_steps);
}

}  // namespace tmpq
