#include "src/runtime/device/device_sampling.h"

#include <algorithm>
#include <map>
#include <memory>

#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/runtime/device/device_launches.h"
#include "src/runtime/device/device_network.h"

namespace tmpq {
namespace {

static_assert(gpu::SolverStepParams::kHistory == kSolverHistory);

// The calls of one run.
class DeviceCalls {
 public:
  DeviceCalls(std::shared_ptr<DeviceNetwork> network, const Graph& graph, Device& device)
      : network_(std::move(network)), graph_(&graph), device_(&device) {}

  void Call(const ActivePolicy& policy, const NetworkInputs& inputs, float* output) {
    network_->RunCaptured(Captured(policy, inputs.batch), inputs, output);
  }

  void Loop(const SamplingLoop& loop, float* x) {
    gpu::SolverStepParams p = StepParams(loop);
    network_->CopyInputs(loop.inputs);
    for (int index = loop.first_call; index < loop.end_call; ++index) {
      const SolverCall& call = loop.calls[index];
      const ActivePolicy& policy = loop.run.policies[loop.run.policy_of_step[call.step]];
      device_->Replay(Captured(policy, loop.inputs.batch));
      SetCall(loop, index, &p);
      const int64_t threads =
          std::max(p.count * gpu::SolverStepKernel::BlocksOfSample(p.elements), p.timestep_count);
      device_->Launch<gpu::SolverStepKernel>(Elements(threads), 0, p);
    }
    device_->CopyOut(x, p.x, 4 * p.count * p.elements);
  }

 private:
  const DeviceGraph& Captured(const ActivePolicy& policy, int64_t batch) {
    std::unique_ptr<DeviceGraph>& graph = graphs_[{&policy, batch}];
    if (graph == nullptr) graph = network_->Capture(policy, batch);
    return *graph;
  }

  // What all steps of a loop share.
  gpu::SolverStepParams StepParams(const SamplingLoop& loop) {
    const Shape& shape = graph_->node(graph_->FindInput("sample")).shape;
    gpu::SolverStepParams p;
    p.count = loop.count, p.elements = ElementsOf(shape), p.channels = shape.back();
    p.x = network_->input("sample"), p.out = network_->output();
    p.out_channels = graph_->output_shape().back();
    p.guided = loop.inputs.batch == 2 * loop.count ? 1 : 0;
    p.simple = std::all_of(loop.calls.begin(), loop.calls.end(),
                           [](const SolverCall& call) { return call.IsSimple(); })
                   ? 1
                   : 0;
    p.seed = loop.seed, p.purpose = static_cast<uint32_t>(loop.purpose);
    p.timesteps = network_->input("timestep"), p.timestep_count = loop.inputs.batch;
    if (p.simple == 0) {
      const int64_t needed = p.count * p.elements;
      for (DeviceArray<float>& past : memory_) {
        if (past.count() < needed) past = DeviceArray<float>(*device_, needed);
      }
      p.accepted = memory_[kSolverHistory].data();
      for (int j = 0; j < kSolverHistory; ++j) p.history[j] = memory_[j].data();
    }
    return p;
  }

  static void SetCall(const SamplingLoop& loop, int index, gpu::SolverStepParams* p) {
    const SolverCall& call = loop.calls[index];
    const auto f = [](double value) { return static_cast<float>(value); };
    p->guidance = f(loop.settings.GuidanceAt(loop.run.timesteps[call.step]));
    p->convert_sample = f(call.convert_sample), p->convert_output = f(call.convert_output);
    p->keep = f(call.keep), p->take = f(call.take), p->base = f(call.base);
    std::transform(call.accept.begin(), call.accept.end(), p->accept, f);
    std::transform(call.advance.begin(), call.advance.end(), p->advance, f);
    std::rotate(p->history, p->history + kSolverHistory - 1, p->history + kSolverHistory);
    p->noise = f(call.noise), p->noise_span = f(call.noise_span);
    p->first_stream = NoiseStream(loop.first, index);
    if (index + 1 < loop.end_call) p->timestep = f(loop.run.timesteps[loop.calls[index + 1].step]);
  }

  std::shared_ptr<DeviceNetwork> network_;
  const Graph* graph_;
  Device* device_;
  std::map<std::pair<const ActivePolicy*, int64_t>, std::unique_ptr<DeviceGraph>> graphs_;
  DeviceArray<float> memory_[kSolverHistory + 1];  // the past, and the accepted samples
};

}  // namespace

std::function<NetworkCall()> MakeDeviceCalls(const RuntimeNetwork& network, Device& device,
                                             int64_t max_batch) {
  const auto on_device = std::make_shared<DeviceNetwork>(network, device, max_batch);
  return [on_device, &network, &device]() -> NetworkCall {
    const auto calls = std::make_shared<DeviceCalls>(on_device, network.graph(), device);
    return {[calls](const ActivePolicy& policy, const NetworkInputs& inputs, float* output) {
              calls->Call(policy, inputs, output);
            },
            [calls](const SamplingLoop& loop, float* x) { calls->Loop(loop, x); }};
  };
}

}  // namespace tmpq
