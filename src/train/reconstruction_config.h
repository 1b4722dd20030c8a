// The settings of reconstruction; the defaults are Q-Diffusion's published ones (Li et al., arXiv
// 2302.04304).
#pragma once

#include <cstdint>
#include <string>

namespace tmpq {

struct ReconstructionConfig {
  int weight_iterations = 20000;
  int activation_iterations = 5000;
  int minibatch = 32;
  double weight_rate = 1e-3;
  double activation_rate = 4e-4;
  double weight_norm = 2;
  double activation_norm = 2.4;
  double regulariser = 0.01;
  double warmup = 0.2;
  double first_beta = 20;
  double last_beta = 2;
  int samples = 256;
  int sampling_steps = 100;
  int kept_steps = 20;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("weight_iterations", weight_iterations, "AdaRound's, of each block and bit-width");
    visit("activation_iterations", activation_iterations, "of learned steps, likewise");
    visit("minibatch", minibatch, "network calls of an iteration");
    visit("weight_rate", weight_rate, "of Adam, constant");
    visit("activation_rate", activation_rate, "of Adam, falling to 0 as a cosine");
    visit("weight_norm", weight_norm, "p of |difference|^p of a block's outputs");
    visit("activation_norm", activation_norm, "likewise");
    visit("regulariser", regulariser, "factor of AdaRound's regulariser");
    visit("warmup", warmup, "share of the iterations without it");
    visit("first_beta", first_beta, "its exponent at first");
    visit("last_beta", last_beta, "its exponent at the end");
    visit("samples", samples, "float trajectories that are learned from");
    visit("sampling_steps", sampling_steps, "sampling steps of each");
    visit("kept_steps", kept_steps, "of these, evenly spaced ones that are kept");
  }

  // "published", or "quick": minutes on a bundled model. Throws kUsage.
  static ReconstructionConfig Profile(const std::string& name);
  // Throws kUsage naming the first field that is out of range.
  void Validate() const;
};

}  // namespace tmpq
