// The calls that a reconstruction learns from, as tensors: what a unit is given and ought to give.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/torch/torch_executor.h"
#include "src/train/reconstruction.h"
#include "src/train/reconstruction_units.h"

namespace tmpq {

// What one unit learns from: its inputs of all calls, and the float network's outputs.
struct UnitData;

class ReconstructionCalls {
 public:
  // `job` outlives it. `check` is called now and then, and may throw.
  ReconstructionCalls(const ReconstructionJob& job, std::function<void()> check);
  ~ReconstructionCalls();

  // Of all calls, with the layers that are in `before` quantized.
  std::shared_ptr<const UnitData> DataOf(const ReconstructionUnit& unit,
                                         NetworkSimulation& before) const;
  // The unit's outputs of the calls `index`, with gradients where they are on, and the float
  // network's.
  at::Tensor OutputOf(const ReconstructionUnit& unit, const UnitData& data,
                      NetworkSimulation& simulation, const at::Tensor& index) const;
  at::Tensor TargetOf(const UnitData& data, const at::Tensor& index) const;
  // Squared error over all calls, relative to the outputs' squares.
  double ErrorOf(const ReconstructionUnit& unit, const UnitData& data,
                 NetworkSimulation& simulation) const;
  // `count` calls for an iteration, drawn for what `stream` names: a unit, bit-width and phase.
  at::Tensor DrawIndex(const std::string& stream, int64_t iteration, int64_t count) const;

 private:
  struct CallTensors;
  TorchExecutor::Tensors InputsOf(const at::Tensor& index) const;
  // All calls, some at a time.
  void ForEachChunk(const std::function<void(const at::Tensor& index)>& visit) const;

  const ReconstructionJob& job_;
  std::function<void()> check_;
  TorchExecutor executor_;
  std::unique_ptr<CallTensors> tensors_;
};

}  // namespace tmpq
