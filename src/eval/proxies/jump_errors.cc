#include "src/eval/proxies/jump_errors.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/core/tensor_file.h"
#include "src/schedule/solver.h"

namespace tmpq {
namespace {

constexpr const char* kFormat = "tmpq-jump-errors-1";

using Vector = std::vector<double>;

double MeanSquare(const Vector& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum / static_cast<double>(values.size());
}

SamplerSettings FirstOrder(SamplerSettings settings) {
  settings.method = settings.prediction == Prediction::kFlow ? "euler-flow" : "ddim";
  settings.eta = 0;
  return settings;
}

class JumpMeter {
 public:
  JumpMeter(const DiffusionSampler& sampler, const ConditionList& conditions,
            const JumpErrorSettings& settings, Progress& progress)
      : settings_(settings),
        sampler_(sampler.network(), sampler.schedule(), FirstOrder(sampler.settings())),
        request_{settings.seed, settings.purpose, 0, settings.samples, conditions},
        progress_(progress),
        grid_(settings.grid.size()),
        timesteps_(settings.grid),
        run_(sampler_.PrepareFloat(timesteps_)) {
    CheckRange("weights", settings.weights, 1, grid_);
  }

  JumpErrors Measure() {
    progress_.Begin("jump errors", 1 + settings_.weights, "trajectories");
    DrawStates();
    JumpErrors errors;
    errors.timesteps = timesteps_.values();
    errors.jump.assign(static_cast<size_t>(grid_) * (grid_ + 1), 0.0);
    const Vector weights = MeasureWeights();
    for (int i = 0; i < grid_; ++i) {
      errors.start.push_back(weights[i] * MeanSquare(Difference(states_[0], states_[i])));
      for (int j = i + 1; j <= grid_; ++j) {
        errors.jump[static_cast<size_t>(i) * (grid_ + 1) + j] =
            weights[j] * MeanSquare(JumpError(i, j));
      }
    }
    progress_.End();
    errors.network_calls = network_calls_;
    return errors;
  }

 private:
  SamplerOptions Options() const {
    SamplerOptions options;
    options.batch = settings_.batch, options.threads = settings_.threads;
    options.interrupted = settings_.interrupted;
    options.network_call = settings_.network_call;
    return options;
  }

  void CountCalls(int64_t steps) {
    network_calls_ += steps * sampler_.calls_per_step() * settings_.samples;
  }

  static Vector Difference(const Vector& a, const Vector& b) {
    Vector difference(a.size());
    for (size_t e = 0; e < a.size(); ++e) difference[e] = a[e] - b[e];
    return difference;
  }

  // states_[i]: the samples before call i; states_[grid]: the final ones. outputs_[i]: what the
  // guided network said there, read off the step that it made.
  void DrawStates() {
    std::map<int, SamplerState> kept;
    for (int i = 0; i <= grid_; ++i) kept[i] = {};
    SamplerOptions options = Options();
    options.states = &kept;
    sampler_.Sample(run_, request_, options);
    CountCalls(grid_);
    for (const auto& [call, state] : kept) {
      states_.emplace_back(state.samples.begin(), state.samples.end());
    }
    const auto calls = MakeSolver(sampler_.schedule(), sampler_.settings(), timesteps_);
    for (int i = 0; i < grid_; ++i) {
      Vector output(states_[i].size());
      for (size_t e = 0; e < output.size(); ++e) {
        output[e] = (states_[i + 1][e] - calls[i].base * states_[i][e]) / calls[i].advance[0];
      }
      outputs_.push_back(std::move(output));
    }
    progress_.Update(1);
  }

  // Of one step from grid point i straight to j.
  Vector JumpError(int i, int j) const {
    std::vector<int> jump = {timesteps_[i]};
    if (j < grid_) jump.push_back(timesteps_[j]);
    const int training_steps = sampler_.schedule().training_steps();
    const SolverCall call = MakeSolver(sampler_.schedule(), sampler_.settings(),
                                       TimestepSequence(jump, training_steps))[0];
    Vector error(states_[i].size());
    for (size_t e = 0; e < error.size(); ++e) {
      error[e] = call.base * states_[i][e] + call.advance[0] * outputs_[i][e] - states_[j][e];
    }
    return error;
  }

  // How much of a squared error at grid point j is left at the end, for all j.
  Vector MeasureWeights() {
    Vector places, logarithms;
    for (int k = 1; k <= settings_.weights; ++k) {
      const int j = grid_ * k / (settings_.weights + 1);
      if (!places.empty() && j == places.back()) continue;
      const int before = std::max(0, j - std::max(2, grid_ / settings_.weights));
      if (j - before < 2) continue;  // one step along the trajectory has no error
      const Vector error = JumpError(before, j);
      if (MeanSquare(error) == 0) continue;
      places.push_back(j), logarithms.push_back(std::log(LeftAtEnd(j, error) / MeanSquare(error)));
      progress_.Update(1 + k);
    }
    places.push_back(grid_), logarithms.push_back(0);
    Vector weights;
    for (int j = 0; j <= grid_; ++j) weights.push_back(std::exp(At(places, logarithms, j)));
    return weights;
  }

  double LeftAtEnd(int j, const Vector& error) {
    SamplerState state;
    state.samples.resize(error.size());
    for (size_t e = 0; e < error.size(); ++e) {
      state.samples[e] = static_cast<float>(states_[j][e] + error[e]);
    }
    SamplerOptions options = Options();
    options.first_call = j, options.start = &state;
    const std::vector<float> moved = sampler_.Sample(run_, request_, options);
    CountCalls(grid_ - j);
    return MeanSquare(Difference({moved.begin(), moved.end()}, states_[grid_]));
  }

  // Linear between places, constant before the first.
  static double At(const Vector& places, const Vector& values, double x) {
    const auto right = std::lower_bound(places.begin(), places.end(), x) - places.begin();
    if (right == 0) return values[0];
    const double share = (x - places[right - 1]) / (places[right] - places[right - 1]);
    return values[right - 1] + share * (values[right] - values[right - 1]);
  }

  JumpErrorSettings settings_;
  DiffusionSampler sampler_;
  SampleRequest request_;
  Progress& progress_;
  int grid_;
  TimestepSequence timesteps_;
  SamplingRun run_;
  std::vector<Vector> states_, outputs_;
  int64_t network_calls_ = 0;
};

}  // namespace

JumpErrors MeasureJumpErrors(const DiffusionSampler& sampler, const ConditionList& conditions,
                             const JumpErrorSettings& settings, Progress& progress) {
  CheckRange("grid of timesteps", settings.grid.size(), 2, sampler.schedule().training_steps());
  return JumpMeter(sampler, conditions, settings, progress).Measure();
}

TimestepSequence JumpGrid(int uniform, const std::vector<TimestepGroups>& groups,
                          int training_steps) {
  std::vector<int> timesteps = UniformTimesteps(uniform, training_steps).values();
  const std::vector<int> evenly = timesteps;
  for (const TimestepGroups& partition : groups) {
    for (int group = 0; group < partition.count(); ++group) {
      const auto inside = [&](int timestep) { return partition.Contains(group, timestep); };
      if (std::any_of(evenly.begin(), evenly.end(), inside)) continue;
      timesteps.push_back((partition.begin(group) + partition.end(group) - 1) / 2);
    }
  }
  std::sort(timesteps.rbegin(), timesteps.rend());
  timesteps.erase(std::unique(timesteps.begin(), timesteps.end()), timesteps.end());
  return TimestepSequence(timesteps, training_steps);
}

void SaveJumpErrors(const JumpErrors& errors, const std::filesystem::path& path) {
  const auto size = static_cast<int64_t>(errors.size());
  TensorFileWriter writer;
  writer.SetMetadata("format", kFormat);
  writer.SetMetadata("network_calls", std::to_string(errors.network_calls));
  const std::vector<int32_t> timesteps(errors.timesteps.begin(), errors.timesteps.end());
  writer.AddInt32s("timesteps", {size}, timesteps);
  writer.AddDoubles("start", {size}, errors.start);
  writer.AddDoubles("jump", {size, size + 1}, errors.jump);
  writer.Write(path);
}

JumpErrors LoadJumpErrors(const std::filesystem::path& path) {
  const TensorFile file(path);
  if (file.Metadata("format") != kFormat) {
    throw Error(ErrorCode::kInput, path.string(), "holds no jump errors");
  }
  const auto timesteps = file.Int32s("timesteps");
  const auto start = file.Doubles("start"), jump = file.Doubles("jump");
  JumpErrors errors{{timesteps.begin(), timesteps.end()},
                    {start.begin(), start.end()},
                    {jump.begin(), jump.end()},
                    std::stoll(file.Metadata("network_calls"))};
  errors.Check(path.string());
  return errors;
}

}  // namespace tmpq
