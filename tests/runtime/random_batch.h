// Inputs for networks that are only run to be compared or timed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/graph/graph.h"
#include "src/runtime/network.h"

namespace tmpq {

// Random inputs of any graph: timesteps, integers where embeddings read them, masks of zeros and
// ones.
struct RandomBatch {
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> integers;

  RandomBatch(const Graph& graph, int64_t batch) {
    RandomStream random(3, RandomPurpose::kTest);
    uint64_t stream = 100;
    for (const Node& node : graph.nodes()) {
      if (node.kind == OpKind::kInput) {
        std::vector<float>& values = floats[node.name];
        values.resize(batch * ElementsOf(node.shape));
        FillNormal(8, RandomPurpose::kTest, stream++, values);
        for (float& value : values) {
          if (node.name == "timestep") value = static_cast<float>(random.Below(1000));
          if (node.name == "mask") value = static_cast<float>(random.Below(2));
        }
      } else if (node.kind == OpKind::kLabelEmbedding) {
        MakeIntegers(graph.node(node.inputs[0]).name, node.attributes.size, random);
      } else if (node.kind == OpKind::kSelectRow) {
        MakeIntegers(graph.node(node.inputs[1]).name, graph.node(node.inputs[0]).shape[0], random);
      }
    }
  }

  // Samples from `first` on.
  NetworkInputs Inputs(const Graph& graph, int64_t first, int64_t batch) const {
    NetworkInputs inputs;
    inputs.batch = batch;
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kInput) continue;
      const int64_t offset = first * ElementsOf(node.shape);
      if (floats.count(node.name) > 0) {
        inputs.floats[node.name] = floats.at(node.name).data() + offset;
      } else {
        inputs.integers[node.name] = integers.at(node.name).data() + offset;
      }
    }
    return inputs;
  }

 private:
  // Turns a float input into integers below `limit`.
  void MakeIntegers(const std::string& name, int64_t limit, RandomStream& random) {
    if (integers.count(name) > 0) return;  // also read by another table
    std::vector<int32_t>& values = integers[name];
    values.resize(floats.at(name).size());
    for (int32_t& value : values) value = static_cast<int32_t>(random.Below(limit));
    floats.erase(name);
  }
};

}  // namespace tmpq
