// A peer: a whole network on the LibTorch executor, in float32.
#pragma once

#include <memory>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {

class TorchModel {
 public:
  // `graph` and `parameters` outlive this object; the rest is copied.
  TorchModel(const Graph& graph, const ParameterSet& parameters, const RandomBatch& inputs,
             int64_t batch);
  ~TorchModel();

  void Run();
  // (batch, output shape)
  const float* out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
