#include "src/train/reconstruction_calls.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "src/core/random.h"
#include "src/torch/torch_device.h"

namespace tmpq {
namespace {

constexpr int64_t kCallsAtOnce = 64;  // of passes that learn nothing

using Tensors = TorchExecutor::Tensors;
using Values = TorchExecutor::Values;

std::vector<int64_t> WithCount(int64_t count, Shape shape) {
  shape.insert(shape.begin(), count);
  return shape;
}

}  // namespace

struct UnitData {
  Values inputs;
  at::Tensor target;
};

struct ReconstructionCalls::CallTensors {
  Tensors parameters, inputs;
  at::Tensor entries;  // of the statistics, (calls)
};

ReconstructionCalls::~ReconstructionCalls() = default;

ReconstructionCalls::ReconstructionCalls(const ReconstructionJob& job, std::function<void()> check)
    : job_(job),
      check_(std::move(check)),
      executor_(*job.graph),
      tensors_(std::make_unique<CallTensors>()) {
  for (const auto& [name, shape] : job.graph->parameters()) {
    tensors_->parameters[name] = TensorOf(job.parameters->Get(name), shape);
  }
  const CalibrationCalls& calls = *job_.calls;
  const auto shape_of = [&](const std::string& name) {
    return WithCount(calls.count, job_.graph->node(job_.graph->FindInput(name)).shape);
  };
  for (const auto& [name, values] : calls.floats)
    tensors_->inputs[name] = TensorOf(values, shape_of(name));
  for (const auto& [name, values] : calls.integers) {
    const std::vector<int64_t> rows(values.begin(), values.end());
    tensors_->inputs[name] = TensorOf(rows, shape_of(name));
  }
  std::vector<int64_t> entries(calls.count);
  const int branches = job_.statistics->branches();
  for (int64_t i = 0; i < calls.count; ++i) {
    entries[i] = job_.scheme->RangeOf(calls.timesteps[i]) * branches +
                 std::min(calls.branches[i], branches - 1);
  }
  tensors_->entries = TensorOf(entries, {calls.count});
}

Tensors ReconstructionCalls::InputsOf(const at::Tensor& index) const {
  Tensors inputs;
  for (const auto& [name, values] : tensors_->inputs) inputs[name] = values.index_select(0, index);
  return inputs;
}

void ReconstructionCalls::ForEachChunk(
    const std::function<void(const at::Tensor& index)>& visit) const {
  for (int64_t begin = 0; begin < job_.calls->count; begin += kCallsAtOnce) {
    visit(at::arange(begin, std::min(begin + kCallsAtOnce, job_.calls->count),
                     tensors_->entries.options()));
    check_();
  }
}

std::shared_ptr<const UnitData> ReconstructionCalls::DataOf(const ReconstructionUnit& unit,
                                                            NetworkSimulation& before) const {
  const at::NoGradGuard no_grad;
  std::map<NodeId, std::vector<at::Tensor>> inputs;
  std::vector<at::Tensor> targets;
  ForEachChunk([&](const at::Tensor& index) {
    const Tensors calls = InputsOf(index);
    before.SetEntries(tensors_->entries.index_select(0, index));
    Values quantized, exact;
    executor_.Evaluate(tensors_->parameters, calls, &before, unit.inputs, quantized);
    executor_.Evaluate(tensors_->parameters, calls, nullptr, {unit.output}, exact);
    for (const NodeId id : unit.inputs) inputs[id].push_back(quantized.at(id));
    targets.push_back(exact.at(unit.output));
  });
  auto data = std::make_shared<UnitData>();
  data->target = at::cat(targets);
  for (const auto& [id, parts] : inputs) data->inputs[id] = at::cat(parts);
  return data;
}

at::Tensor ReconstructionCalls::OutputOf(const ReconstructionUnit& unit, const UnitData& data,
                                         NetworkSimulation& simulation,
                                         const at::Tensor& index) const {
  Values values;
  for (const auto& [id, all] : data.inputs) values[id] = all.index_select(0, index);
  simulation.SetEntries(tensors_->entries.index_select(0, index));
  const std::string& any = tensors_->inputs.begin()->first;
  executor_.Evaluate(tensors_->parameters, {{any, tensors_->inputs.at(any).index_select(0, index)}},
                     &simulation, {unit.output}, values);
  return values.at(unit.output);
}

at::Tensor ReconstructionCalls::TargetOf(const UnitData& data, const at::Tensor& index) const {
  return data.target.index_select(0, index);
}

double ReconstructionCalls::ErrorOf(const ReconstructionUnit& unit, const UnitData& data,
                                    NetworkSimulation& simulation) const {
  const at::NoGradGuard no_grad;
  double error = 0, size = 0;
  ForEachChunk([&](const at::Tensor& index) {
    const at::Tensor target = data.target.index_select(0, index);
    const at::Tensor out = OutputOf(unit, data, simulation, index);
    error += (out - target).to(at::kDouble).square().sum().item<double>();
    size += target.to(at::kDouble).square().sum().item<double>();
  });
  return size > 0 ? error / size : error;
}

at::Tensor ReconstructionCalls::DrawIndex(const std::string& stream, int64_t iteration,
                                          int64_t count) const {
  RandomStream random(job_.seed ^ HashString(stream).low, RandomPurpose::kReconstruction,
                      static_cast<uint64_t>(iteration));
  std::vector<int64_t> index(count);
  for (int64_t& i : index) {
    i = static_cast<int64_t>(random.Below(static_cast<uint64_t>(job_.calls->count)));
  }
  return TensorOf(index, {count});
}

}  // namespace tmpq
