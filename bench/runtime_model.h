// A network's calls on the runtime, as programs make them: threads have samples of the batch, or,
// where there are fewer samples, share the call.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/runtime/network.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {

class RuntimeModel {
 public:
  // `network` and `inputs` outlive this object.
  RuntimeModel(const RuntimeNetwork& network, const RandomBatch& inputs, int64_t batch,
               int threads);

  void Run(const ActivePolicy& policy);
  // (batch, output shape)
  const std::vector<float>& out() const { return out_; }
  // Runs `calls` times; processor time of all threads by kind of op (OpTimesText).
  Json TimeOps(const ActivePolicy& policy, int calls);

 private:
  struct Share {
    int64_t first;
    NetworkInputs inputs;
    Workspace workspace;
  };

  const RuntimeNetwork* network_;
  int64_t elements_;
  std::vector<float> out_;
  std::vector<Share> shares_;
};

// For people: RuntimeModel::TimeOps of several policies side by side, by name.
std::string OpTimesText(const std::vector<std::pair<std::string, Json>>& policies);

// Root of the squared difference relative to that of the squared values.
double RelativeDifference(std::span<const float> values, std::span<const float> exact);

}  // namespace tmpq
