// The config of tmpq-train: an INI file whose keys are the fields below.
#pragma once

#include <cstdint>
#include <string>

namespace tmpq {

struct TrainConfig {
  std::string name;  // of the model
  std::string task = "denoise";
  std::string network = "dit";
  std::string data = "/usr/share/datasets/fashion-mnist";  // or a captioned world
  uint64_t seed = 0;
  int steps = 9000;
  int replicas = 2;
  int batch = 32;
  double learning_rate = 1.2e-3;
  double weight_decay = 0.0;
  int warmup_steps = 200;
  double ema_decay = 0.999;
  double label_dropout = 0.1;
  double timestep_shift = 1;
  std::string label = "class";
  double temperature = 0.05;
  int max_shift = 2;
  bool flip = false;
  std::string schedule = "cosine";
  int training_steps = 1000;
  double guidance_scale = 2.0;
  std::string feature_net;
  int checkpoint_steps = 500;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("name", name, "name of the model");
    visit("task", task,
          "denoise (a diffusion network), classify (a feature network), contrast (an encoder) or "
          "preference (a reward model)");
    visit("network", network, "denoise: dit, unet or text-dit");
    visit("data", data, "folder of Fashion-MNIST; or scenes, sprites");
    visit("seed", seed, "of weights, order and noise");
    visit("steps", steps, "optimizer steps");
    visit("replicas", replicas, "data-parallel replicas, one thread each; part of the result");
    visit("batch", batch, "images per replica and step");
    visit("learning_rate", learning_rate, "peak of AdamW's rate; warm-up, then linear decay to 0");
    visit("weight_decay", weight_decay, "AdamW");
    visit("warmup_steps", warmup_steps, "steps");
    visit("ema_decay", ema_decay, "of the averaged weights, which are what is kept");
    visit("label_dropout", label_dropout, "denoise: probability of the null label");
    visit("timestep_shift", timestep_shift, "denoise: > 1 draws more timesteps near noise");
    visit("label", label, "classify: class, or attributes (one softmax for each)");
    visit("temperature", temperature, "contrast, preference: of the cosines' softmax");
    visit("max_shift", max_shift, "classify: random shift of pictures, pixels");
    visit("flip", flip, "classify: random horizontal flip of pictures");
    visit("schedule", schedule, "denoise: noise schedule");
    visit("training_steps", training_steps, "denoise: timesteps of the schedule");
    visit("guidance_scale", guidance_scale, "denoise: default of the sampler");
    visit("feature_net", feature_net, "denoise: bundled feature network of the distance");
    visit("checkpoint_steps", checkpoint_steps, "steps between checkpoints");
  }

  // Throws kUsage naming the first field that is out of range.
  void Validate() const;
};

}  // namespace tmpq
