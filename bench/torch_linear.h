// Peers: LibTorch's linear in float32, and its linears with dynamic int8 activations.
#pragma once

#include <memory>
#include <string>

#include "bench/linear_case.h"

namespace tmpq {

// For LibTorch's own operations; of the calling thread's OpenMP as well.
void SetTorchThreads(int threads);
std::string TorchVersion();

class TorchLinear {
 public:
  // "float32", or an engine of TorchInt8Engines. `of` outlives this object.
  TorchLinear(const LinearCase& of, const std::string& engine);
  ~TorchLinear();

  void Run();
  // (m, n)
  const float* out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq
