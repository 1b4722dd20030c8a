#include "src/train/reconstruction.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <string>
#include <thread>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/torch/torch_device.h"
#include "src/train/adaround.h"
#include "src/train/reconstruction_calls.h"

namespace tmpq {
namespace {

constexpr int64_t kNoteIterations = 20;  // between losses that are shown
constexpr double kLeastStep = 0.01;      // of the first step: a learned one stays positive

// A layer before anything is learned of it.
struct LayerState {
  struct Grid {
    std::vector<float> weights;  // as they are rounded
    QuantizedWeights grid;
  };
  QuantizedLayer nearest;
  std::map<int, Grid> grids;  // by bits
};

class Reconstructor {
 public:
  Reconstructor(const ReconstructionJob& job, const ReconstructionConfig& config,
                const ReconstructionSession& session)
      : job_(job),
        config_(config),
        session_(session),
        progress_(session.progress != nullptr ? *session.progress : silent_),
        calls_(job, [this] { CheckInterrupted(); }),
        units_(FindUnits(*job.graph, *job.scheme)),
        learned_(job.model, *job.recipe, SettingsOf()) {
    for (const ReconstructionUnit& unit : units_) {
      for (const NodeId id : unit.layers) layers_[id] = QuantizeToNearest(id);
    }
  }

  LearnedRounding Run() {
    if (std::filesystem::exists(session_.checkpoint)) Resume();
    const bool steps = job_.recipe->activation_scales != "token";
    int64_t total = static_cast<int64_t>(job_.weight_bits.size()) * config_.weight_iterations;
    if (steps) {
      total += static_cast<int64_t>(job_.activation_bits.size()) * config_.activation_iterations;
    }
    progress_.Begin("reconstruction", total * static_cast<int64_t>(units_.size()), "iterations");
    for (const int bits : job_.weight_bits) LearnAllWeights(bits);
    for (const int bits : job_.activation_bits) {
      if (steps) LearnAllSteps(bits);
    }
    progress_.End();
    return std::move(learned_);
  }

 private:
  // What a checkpoint has to agree with.
  Json SettingsOf() const {
    Hasher calls;
    calls.Update(std::as_bytes(std::span(job_.calls->timesteps)));
    for (const auto& [name, values] : job_.calls->floats) {
      calls.Update(std::as_bytes(std::span(values)));
    }
    Json settings = {{"config", ConfigText(config_)},
                     {"calls", calls.Finish().Hex()},
                     {"count", job_.calls->count},
                     {"seed", job_.seed},
                     {"threads", at::get_num_threads()},
                     {"weight_bits", job_.weight_bits},
                     {"activation_bits", job_.activation_bits}};
    if (TorchDeviceName() != "cpu") settings["device"] = TorchDeviceName();
    return settings;
  }

  void Resume() {
    LearnedRounding found = LearnedRounding::Load(session_.checkpoint, job_.model, *job_.recipe);
    if (found.settings() != learned_.settings()) {
      throw Error(ErrorCode::kInput, session_.checkpoint.string(),
                  "is the checkpoint of other settings",
                  "remove it to begin anew, or restore them");
    }
    learned_ = std::move(found);
  }

  LayerState QuantizeToNearest(NodeId id) const {
    LayerState state;
    LayerRequest request{job_.graph,      job_.parameters,  job_.recipe,         job_.scheme,
                         job_.statistics, job_.weight_bits, job_.activation_bits};
    request.rounder = [&](const std::string&, int, std::span<const float> weights,
                          QuantizedWeights& grid) {
      for (int64_t i = 0; i < grid.outputs * grid.inputs; ++i) {
        grid.q[i] = RoundToGrid(grid, i / grid.inputs, i % grid.inputs, weights[i]);
      }
      state.grids[grid.bits] = {{weights.begin(), weights.end()}, grid};
      return true;
    };
    state.nearest = QuantizeLayer(request, id);
    return state;
  }

  const std::string& NameOf(NodeId id) const { return job_.graph->node(id).name; }

  // Puts a layer into `simulation` with what was learned of it.
  void Place(NetworkSimulation& simulation, NodeId id, int weight_bits, int activation_bits) const {
    const LayerState& state = layers_.at(id);
    const LayerScheme& scheme = job_.scheme->Of(NameOf(id));
    simulation.SetLayer(id, scheme, state.nearest, 0, weight_bits, activation_bits);
    LayerState::Grid layer = state.grids.at(weight_bits);
    if (learned_.Round(NameOf(id), 0, layer.weights, layer.grid)) {
      std::vector<float> values(layer.weights.size());
      for (size_t i = 0; i < values.size(); ++i) {
        const auto at = static_cast<int64_t>(i);
        values[i] = layer.grid.ValueAt(at / layer.grid.inputs, at % layer.grid.inputs);
      }
      simulation.tensors(id).at("weight") =
          TensorOf(values, {layer.grid.outputs, layer.grid.inputs});
    }
    const StaticScales* steps = learned_.Steps(NameOf(id), activation_bits);
    if (activation_bits > 0 && steps != nullptr) {
      simulation.tensors(id).at("scale") = TensorOf(steps->scale, {steps->entries, steps->tokens});
    }
  }

  void CheckInterrupted() const {
    if (session_.interrupted == nullptr || !*session_.interrupted) return;
    throw Error(ErrorCode::kInterrupted, session_.checkpoint.string(),
                "stopped; what was learned of finished blocks is kept");
  }

  // |out - target|^p summed over channels, averaged over the rest.
  static at::Tensor Distance(const at::Tensor& out, const at::Tensor& target, double p) {
    return (out - target).abs().pow(p).sum(-1).mean();
  }

  void Show(const std::string& what, int64_t iteration, const at::Tensor& loss) {
    ++done_;
    CheckInterrupted();
    if (iteration % kNoteIterations != 0) return;
    const double value = loss.item<double>();
    if (!std::isfinite(value)) {
      throw Error(ErrorCode::kInput, what, "the loss became NaN or infinite",
                  "use a smaller weight_rate or activation_rate");
    }
    progress_.Update(done_, what + ", loss " + std::to_string(value));
  }

  void Finish(const ReconstructionUnit& unit, const char* kind, int weight_bits,
              int activation_bits, double before, double after) {
    Json row = {{"unit", unit.name},
                {"learned", kind},
                {"weight_bits", weight_bits},
                {"before", before},
                {"after", after}};
    if (activation_bits > 0) row["activation_bits"] = activation_bits;
    learned_.report().push_back(std::move(row));
    if (!session_.checkpoint.empty()) learned_.Save(session_.checkpoint);
  }

  void LearnAllWeights(int bits) {
    NetworkSimulation simulation(*job_.graph);
    for (const ReconstructionUnit& unit : units_) {
      const bool known = std::all_of(unit.layers.begin(), unit.layers.end(), [&](NodeId id) {
        return learned_.HasWeights(NameOf(id), 0, bits);
      });
      if (known)
        progress_.Update(done_ += config_.weight_iterations);
      else
        LearnWeights(unit, bits, simulation);
      for (const NodeId id : unit.layers) Place(simulation, id, bits, 0);
    }
  }

  void LearnWeights(const ReconstructionUnit& unit, int bits, NetworkSimulation& simulation) {
    const auto data = calls_.DataOf(unit, simulation);
    const std::string what = unit.name + " w" + std::to_string(bits);
    std::vector<SoftRounding> soft;
    std::vector<at::Tensor> variables;
    for (const NodeId id : unit.layers) {
      Place(simulation, id, bits, 0);  // to nearest
      const LayerState::Grid& layer = layers_.at(id).grids.at(bits);
      variables.push_back(soft.emplace_back(layer.weights, layer.grid).v());
    }
    const double before = calls_.ErrorOf(unit, *data, simulation);
    torch::optim::Adam adam(variables, torch::optim::AdamOptions(config_.weight_rate));
    const RoundingSchedule schedule{config_.weight_iterations, config_.warmup, config_.first_beta,
                                    config_.last_beta};
    for (int64_t i = 0; i < config_.weight_iterations; ++i) {
      const at::Tensor index = calls_.DrawIndex(what, i, config_.minibatch);
      at::Tensor regulariser = at::zeros({});
      for (size_t l = 0; l < soft.size(); ++l) {
        const at::Tensor h = RectifiedSigmoid(soft[l].v());
        simulation.tensors(unit.layers[l]).at("weight") = soft[l].Values(h);
        if (schedule.Regularised(i)) {
          regulariser = regulariser + RoundingRegulariser(h, schedule.Beta(i));
        }
      }
      const at::Tensor loss = Distance(calls_.OutputOf(unit, *data, simulation, index),
                                       calls_.TargetOf(*data, index), config_.weight_norm) +
                              config_.regulariser * regulariser;
      adam.zero_grad();
      loss.backward();
      adam.step();
      Show(what, i, loss);
    }
    for (size_t l = 0; l < soft.size(); ++l) {
      const LayerState::Grid& layer = layers_.at(unit.layers[l]).grids.at(bits);
      learned_.SetWeights(NameOf(unit.layers[l]), 0, layer.weights, layer.grid,
                          HardRounding(soft[l].v()));
      Place(simulation, unit.layers[l], bits, 0);
    }
    Finish(unit, "weights", bits, 0, before, calls_.ErrorOf(unit, *data, simulation));
  }

  // Of the candidates that a step's bit-width is learned over: the nearest, of two the wider.
  int WeightBitsFor(int activation_bits) const {
    return *std::min_element(job_.weight_bits.rbegin(), job_.weight_bits.rend(), [&](int a, int b) {
      return std::abs(a - activation_bits) < std::abs(b - activation_bits);
    });
  }

  void LearnAllSteps(int bits) {
    const int weight_bits = WeightBitsFor(bits);
    NetworkSimulation simulation(*job_.graph);
    simulation.SetAttentions(
        UniformPolicy(job_.graph->sites(), BitWidth::Of(weight_bits), BitWidth::Of(bits)));
    for (const ReconstructionUnit& unit : units_) {
      const bool known = std::all_of(unit.layers.begin(), unit.layers.end(), [&](NodeId id) {
        return learned_.HasSteps(NameOf(id), bits);
      });
      if (known)
        progress_.Update(done_ += config_.activation_iterations);
      else
        LearnSteps(unit, weight_bits, bits, simulation);
      for (const NodeId id : unit.layers) Place(simulation, id, weight_bits, bits);
    }
  }

  void LearnSteps(const ReconstructionUnit& unit, int weight_bits, int bits,
                  NetworkSimulation& simulation) {
    const auto data = calls_.DataOf(unit, simulation);
    const std::string what =
        unit.name + " w" + std::to_string(weight_bits) + "a" + std::to_string(bits);
    std::vector<at::Tensor> steps, least;
    for (const NodeId id : unit.layers) {
      Place(simulation, id, weight_bits, bits);
      at::Tensor& scale = simulation.tensors(id).at("scale");
      least.push_back(scale * kLeastStep);
      steps.push_back(scale.requires_grad_());
    }
    const double before = calls_.ErrorOf(unit, *data, simulation);
    torch::optim::Adam adam(steps, torch::optim::AdamOptions(config_.activation_rate));
    for (int64_t i = 0; i < config_.activation_iterations; ++i) {
      const double share = static_cast<double>(i) / config_.activation_iterations;
      static_cast<torch::optim::AdamOptions&>(adam.param_groups()[0].options())
          .lr(config_.activation_rate * 0.5 * (1 + std::cos(std::numbers::pi * share)));
      const at::Tensor index = calls_.DrawIndex(what, i, config_.minibatch);
      const at::Tensor loss = Distance(calls_.OutputOf(unit, *data, simulation, index),
                                       calls_.TargetOf(*data, index), config_.activation_norm);
      adam.zero_grad();
      loss.backward();
      adam.step();
      const at::NoGradGuard no_grad;
      for (size_t l = 0; l < steps.size(); ++l) steps[l].clamp_min_(least[l]);
      Show(what, i, loss);
    }
    for (size_t l = 0; l < steps.size(); ++l) {
      const NodeId id = unit.layers[l];
      StaticScales scales = layers_.at(id).nearest.activations.at(bits);
      const at::Tensor values = OnHost(steps[l]);
      std::copy_n(values.data_ptr<float>(), scales.scale.size(), scales.scale.begin());
      learned_.SetSteps(NameOf(id), bits, std::move(scales));
      Place(simulation, id, weight_bits, bits);
    }
    Finish(unit, "steps", weight_bits, bits, before, calls_.ErrorOf(unit, *data, simulation));
  }

  const ReconstructionJob& job_;
  const ReconstructionConfig& config_;
  const ReconstructionSession& session_;
  Progress silent_;
  Progress& progress_;
  ReconstructionCalls calls_;
  std::vector<ReconstructionUnit> units_;
  LearnedRounding learned_;
  std::map<NodeId, LayerState> layers_;
  int64_t done_ = 0;
};

}  // namespace

LearnedRounding Reconstruct(const ReconstructionJob& job, const ReconstructionConfig& config,
                            const ReconstructionSession& session) {
  config.Validate();
  if (job.recipe->rounding != "adaround") {
    throw Error(ErrorCode::kUsage, "recipe",
                "learns nothing: its rounding is " + job.recipe->rounding,
                "one with rounding = adaround, such as q-diffusion");
  }
  at::set_num_threads(session.threads > 0 ? session.threads
                                          : static_cast<int>(std::thread::hardware_concurrency()));
  return Reconstructor(job, config, session).Run();
}

}  // namespace tmpq
