// A peer: a whole network on the LibTorch executor, in float32 or with its dynamic int8 linears.
#pragma once

#include <memory>
#include <string>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {

class TorchModel {
 public:
  // `graph` and `parameters` outlive this object; the rest is copied. `engine`: of int8 linears
  // (TorchInt8Engines) where the network has quantization sites; "float32": everything in float.
  TorchModel(const Graph& graph, const ParameterSet& parameters, const RandomBatch& inputs,
             int64_t batch, const std::string& engine = "float32");
  ~TorchModel();

  void Run();
  // (batch, output shape)
  const float* out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
