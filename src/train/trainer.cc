#include "src/train/trainer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <string>
#include <thread>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/random.h"
#include "src/core/tensor_file.h"
#include "src/models/position.h"
#include "src/torch/torch_device.h"
#include "src/train/task.h"

namespace tmpq {

void TrainConfig::Validate() const {
  CheckRange("steps", steps, 1, 1e8);
  CheckRange("replicas", replicas, 1, 256);
  CheckRange("batch", batch, 1, 65536);
  CheckRange("learning_rate", learning_rate, 0, 1);
  CheckRange("weight_decay", weight_decay, 0, 1);
  CheckRange("warmup_steps", warmup_steps, 0, 1e8);
  CheckRange("ema_decay", ema_decay, 0, 1);
  CheckRange("label_dropout", label_dropout, 0, 1);
  CheckRange("timestep_shift", timestep_shift, 1, 100);
  CheckRange("temperature", temperature, 1e-3, 10);
  CheckRange("max_shift", max_shift, 0, 64);
  CheckRange("training_steps", training_steps, 1, 100000);
  CheckRange("checkpoint_steps", checkpoint_steps, 1, 1e8);
}

namespace {

constexpr const char* kMetadataKey = "tmpq.training";

using Tensors = TorchExecutor::Tensors;

bool EndsWith(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

// Whether a layer's weights begin as zeros, so that a block begins as the identity (adaLN; the last
// layer of a residual branch) and the network as zero.
bool BeginsAtZero(const std::string& name) {
  return EndsWith(name, "adaln") || name == "final" || name == "conv_out" ||
         EndsWith(name, ".conv2") || EndsWith(name, "proj_out") ||
         (EndsWith(name, ".to_out.0") && name.find(".attentions.") != std::string::npos &&
          name.find(".transformer_blocks.") == std::string::npos);
}

// Positions that begin as sines and cosines, as large as what they are added to: tokens have to
// tell places apart from the first step on.
std::vector<float> InitialPositions(const Node& node, const Shape& shape) {
  const int64_t places = shape[0], side = std::llround(std::sqrt(static_cast<double>(places)));
  if (node.name == "pos_embed" && side * side == places) {
    return SincosPositions2d(side, side, shape[1], side, 1);
  }
  return SincosPositions1d(places, shape[1]);
}

// Initial weights as in DiT: Xavier-uniform products, normal(0.02) tables, zeros where BeginsAtZero
// says so. Norm weights are ones, biases zeros. Words' tables are normal(1): nothing normalises
// them before they are attended to.
std::vector<float> InitialValues(const std::string& name, const Shape& shape, const Node& node,
                                 uint64_t seed, uint64_t index) {
  std::vector<float> values(ElementsOf(shape), 0.0f);
  if (EndsWith(name, ".bias")) return values;
  RandomStream random(seed, RandomPurpose::kInitialWeights, index);
  const bool product = node.kind == OpKind::kLinear || node.kind == OpKind::kConv2d;
  if (node.kind == OpKind::kGroupNorm || node.kind == OpKind::kLayerNorm) {
    std::fill(values.begin(), values.end(), 1.0f);
  } else if (product && !BeginsAtZero(node.name)) {
    const double fan_out = static_cast<double>(shape[0]),
                 fan_in = static_cast<double>(values.size()) / fan_out;
    // A convolution's window multiplies both fans in Xavier's rule; He's bound suits its SiLU
    // better.
    const double bound =
        std::sqrt(6.0 / (node.kind == OpKind::kConv2d ? fan_in : fan_in + fan_out));
    for (float& value : values) value = static_cast<float>(bound * (2 * random.Uniform() - 1));
  } else if (!product) {
    if (node.kind == OpKind::kAddParameter && node.name.rfind("pos_embed", 0) == 0) {
      return InitialPositions(node, shape);
    }
    FillNormal(seed, RandomPurpose::kInitialWeights, index, values);
    const bool words = node.kind == OpKind::kLabelEmbedding && node.shape.size() > 1;
    for (float& value : values) value *= words ? 1.0f : 0.02f;
  }
  return values;
}

std::vector<float> ValuesOf(const at::Tensor& tensor) {
  const at::Tensor values = OnHost(tensor);
  return {values.data_ptr<float>(), values.data_ptr<float>() + values.numel()};
}

// Parameters, their average, the optimizer's moments, and the replicas' copies.
class TrainingState {
 public:
  TrainingState(const Graph& graph, const TrainConfig& config) : graph_(&graph), config_(&config) {
    uint64_t index = 0;
    for (const Node& node : graph.nodes()) {
      for (const auto& [role, shape] : node.parameters) {
        const std::string name = node.name + "." + role;
        const auto values = InitialValues(name, shape, node, config.seed, index++);
        names_.push_back(name);
        shapes_.push_back(shape);
        master_.push_back(TensorOf(values, shape).requires_grad_());
        average_.push_back(TensorOf(values, shape));
      }
    }
    replicas_.resize(config.replicas);
    for (Tensors& replica : replicas_) {
      for (size_t i = 0; i < names_.size(); ++i) {
        replica[names_[i]] = master_[i].detach().clone().requires_grad_();
      }
    }
    optimizer_ = std::make_unique<torch::optim::AdamW>(
        master_,
        torch::optim::AdamWOptions(config.learning_rate).weight_decay(config.weight_decay));
  }

  int64_t step() const { return static_cast<int64_t>(loss_.size()); }
  const std::vector<float>& loss() const { return loss_; }
  Tensors& replica(int i) { return replicas_[i]; }

  // Averages the replicas' gradients in replica order, steps, and hands out the new weights.
  void Update(double mean_loss) {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < names_.size(); ++i) {
      at::Tensor gradient = replicas_[0][names_[i]].grad().clone();
      for (size_t r = 1; r < replicas_.size(); ++r) gradient += replicas_[r][names_[i]].grad();
      master_[i].mutable_grad() = gradient / static_cast<double>(replicas_.size());
    }
    static_cast<torch::optim::AdamWOptions&>(optimizer_->param_groups()[0].options())
        .lr(LearningRate());
    optimizer_->step();
    const auto n = static_cast<double>(step());
    const double decay = std::min(config_->ema_decay, (1 + n) / (10 + n));
    for (size_t i = 0; i < names_.size(); ++i) average_[i].lerp_(master_[i], 1 - decay);
    loss_.push_back(static_cast<float>(mean_loss));
    HandOut();
  }

  void Save(const std::filesystem::path& path) {
    TensorFileWriter writer;
    writer.SetMetadata(kMetadataKey, Identity());
    for (size_t i = 0; i < names_.size(); ++i) {
      writer.AddFloats("weight." + names_[i], shapes_[i], ValuesOf(master_[i]));
      writer.AddFloats("average." + names_[i], shapes_[i], ValuesOf(average_[i]));
      if (step() == 0) continue;
      auto& moments = MomentsOf(i);
      writer.AddFloats("first." + names_[i], shapes_[i], ValuesOf(moments.exp_avg()));
      writer.AddFloats("second." + names_[i], shapes_[i], ValuesOf(moments.exp_avg_sq()));
    }
    writer.AddFloats("loss", {step()}, loss_);
    writer.Write(path);
  }

  void Load(const std::filesystem::path& path) {
    const TensorFile file(path);
    if (file.Metadata(kMetadataKey) != Identity()) {
      throw Error(ErrorCode::kInput, path.string(),
                  "is the checkpoint of another config or network",
                  "remove it to begin anew, or restore the config");
    }
    const auto loss = file.Floats("loss");
    loss_.assign(loss.begin(), loss.end());
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < names_.size(); ++i) {
      const auto read = [&](const char* kind) {
        return TensorOf(file.Floats(kind + names_[i], shapes_[i]), shapes_[i]);
      };
      master_[i].copy_(read("weight."));
      average_[i].copy_(read("average."));
      if (step() == 0) continue;
      auto moments = std::make_unique<torch::optim::AdamWParamState>();
      moments->step(step());
      moments->exp_avg(read("first."));
      moments->exp_avg_sq(read("second."));
      optimizer_->state()[master_[i].unsafeGetTensorImpl()] = std::move(moments);
    }
    HandOut();
  }

  ParameterSet Average() const {
    ParameterSet set;
    for (size_t i = 0; i < names_.size(); ++i) {
      set.Set(names_[i], ValuesOf(average_[i]));
    }
    return set;
  }

 private:
  double LearningRate() const {
    const auto n = static_cast<double>(step());
    const double warmup = config_->warmup_steps > 0 ? (n + 1) / config_->warmup_steps : 1;
    return config_->learning_rate * std::min({1.0, warmup, 1 - n / config_->steps});
  }

  void HandOut() {
    at::NoGradGuard no_grad;
    for (Tensors& replica : replicas_) {
      for (size_t i = 0; i < names_.size(); ++i) {
        replica[names_[i]].copy_(master_[i]);
        replica[names_[i]].mutable_grad() = at::Tensor();
      }
    }
  }

  torch::optim::AdamWParamState& MomentsOf(size_t i) {
    return static_cast<torch::optim::AdamWParamState&>(
        *optimizer_->state().at(master_[i].unsafeGetTensorImpl()));
  }

  // What a checkpoint has to agree with.
  std::string Identity() const {
    const std::string device = TorchDeviceName();
    return ConfigText(*config_) + graph_->hash().Hex() + (device == "cpu" ? "" : device);
  }

  const Graph* graph_;
  const TrainConfig* config_;
  std::vector<std::string> names_;
  std::vector<Shape> shapes_;
  std::vector<at::Tensor> master_, average_;
  std::vector<Tensors> replicas_;
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  std::vector<float> loss_;
};

// Forward and backward of one replica; LibTorch stays on this thread.
double RunReplica(const TrainingTask& task, const TorchExecutor& executor, Tensors& parameters,
                  int64_t step, int replica) {
  at::set_num_threads(1);
  const at::Tensor loss = task.Loss(executor, parameters, step, replica);
  loss.backward();
  return loss.item<double>();
}

double RunStep(const TrainingTask& task, const TorchExecutor& executor, TrainingState& state,
               int replicas) {
  std::vector<double> losses(replicas);
  std::vector<std::exception_ptr> errors(replicas);
  const auto run = [&](int r) {
    try {
      losses[r] = RunReplica(task, executor, state.replica(r), state.step(), r);
    } catch (...) {
      errors[r] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (int r = 1; r < replicas; ++r) threads.emplace_back(run, r);
  run(0);
  for (std::thread& thread : threads) thread.join();
  double sum = 0;
  for (int r = 0; r < replicas; ++r) {
    if (errors[r]) std::rethrow_exception(errors[r]);
    sum += losses[r];
  }
  return sum / replicas;
}

}  // namespace

TrainResult Train(const Graph& graph, const SampleSource& data, const TrainConfig& config,
                  const TrainSession& session) {
  config.Validate();
  const auto task = MakeTask(graph, data, config);
  const TorchExecutor executor(graph);
  TrainingState state(graph, config);
  if (std::filesystem::exists(session.checkpoint)) state.Load(session.checkpoint);

  Progress silent;
  Progress& progress = session.progress != nullptr ? *session.progress : silent;
  progress.Begin("training " + config.name, config.steps, "steps");
  double shown = state.loss().empty() ? 0 : state.loss().back();
  while (state.step() < config.steps) {
    const double loss = RunStep(*task, executor, state, config.replicas);
    if (!std::isfinite(loss)) {
      throw Error(ErrorCode::kInput, config.name,
                  "the loss became NaN or infinite at step " + std::to_string(state.step()),
                  "use a smaller learning_rate");
    }
    state.Update(loss);
    shown = state.step() == 1 ? loss : 0.98 * shown + 0.02 * loss;
    progress.Update(state.step(), "loss " + std::to_string(shown));
    const bool stop = session.interrupted != nullptr && *session.interrupted;
    if (stop || state.step() % config.checkpoint_steps == 0) state.Save(session.checkpoint);
    if (stop) {
      throw Error(ErrorCode::kInterrupted, session.checkpoint.string(),
                  "stopped after step " + std::to_string(state.step()), "give --resume to go on");
    }
  }
  progress.End();
  return {state.Average(), state.loss()};
}

}  // namespace tmpq
