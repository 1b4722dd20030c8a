#include "src/eval/calibration/collect_calls.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Row `row` of each of a call's inputs goes to place `place` of `all`.
template <typename T>
void CopyRow(const Graph& graph, const std::map<std::string, const T*>& from, int64_t row,
             int64_t place, std::map<std::string, std::vector<T>>& all) {
  for (const auto& [name, values] : from) {
    const auto found = all.find(name);
    if (found == all.end()) continue;
    const int64_t elements = ElementsOf(graph.node(graph.FindInput(name)).shape);
    std::copy_n(values + row * elements, elements, found->second.data() + place * elements);
  }
}

CalibrationCalls MakeEmpty(const Graph& graph, int64_t count) {
  CalibrationCalls calls;
  calls.count = count;
  calls.timesteps.resize(count), calls.branches.resize(count);
  std::map<std::string, bool> integer;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kLabelEmbedding) integer[graph.node(node.inputs[0]).name] = true;
  }
  for (const Node& node : graph.nodes()) {
    if (node.kind != OpKind::kInput) continue;
    const auto elements = static_cast<size_t>(count * ElementsOf(node.shape));
    if (integer.count(node.name) > 0)
      calls.integers[node.name].resize(elements);
    else
      calls.floats[node.name].resize(elements);
  }
  return calls;
}

}  // namespace

CalibrationCalls CollectCalls(const DiffusionSampler& sampler, const ConditionList& conditions,
                              const CallChoice& choice, const CalibrationSettings& settings,
                              Progress& progress) {
  CheckRange("kept_steps", choice.kept_steps, 1, choice.sampling_steps);
  const Graph& graph = sampler.network().graph();
  const int64_t branches = sampler.calls_per_step(), kept = choice.kept_steps;
  std::vector<int64_t> place_of_step(choice.sampling_steps, -1);
  for (int64_t i = 0; i < kept; ++i) {
    place_of_step[(2 * i + 1) * choice.sampling_steps / (2 * kept)] = i;
  }
  CalibrationCalls calls = MakeEmpty(graph, choice.samples * kept * branches);
  SamplerOptions options;
  options.threads = settings.threads, options.interrupted = settings.interrupted;
  options.progress = &progress;
  options.call_observer = [&](int step, int timestep, int64_t first, int64_t count,
                              const NetworkInputs& inputs) {
    if (place_of_step[step] < 0) return;
    for (int64_t row = 0; row < inputs.batch; ++row) {
      const int64_t sample = first + row % count, branch = row / count;
      const int64_t place = (sample * kept + place_of_step[step]) * branches + branch;
      calls.timesteps[place] = timestep, calls.branches[place] = static_cast<int>(branch);
      CopyRow(graph, inputs.floats, row, place, calls.floats);
      CopyRow(graph, inputs.integers, row, place, calls.integers);
    }
  };
  progress.Begin("trajectories to learn from", choice.samples, "samples");
  sampler.Sample(sampler.PrepareFloat(
                     UniformTimesteps(choice.sampling_steps, sampler.schedule().training_steps())),
                 {settings.seed, RandomPurpose::kCalibration, 0, choice.samples, conditions},
                 options);
  progress.End();
  return calls;
}

}  // namespace tmpq
