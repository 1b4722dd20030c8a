// Layers of a recipe's network, each alone.
#pragma once

#include <algorithm>

#include "tests/runtime/recipe_network.h"
#include "tests/test_path.h"

namespace tmpq {

// A layer of a network as a network of its own.
inline Graph Alone(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  GraphBuilder b("alone");
  const NodeId x = b.Input("x", graph.node(node.inputs[0]).shape);
  return b.Finish(b.Append(node.kind, node.name, {x}, node.attributes));
}

// A layer, and an input of it from the float network.
struct LayerCase {
  NodeId id;
  std::vector<float> x;  // two samples
};

inline std::vector<LayerCase> LayersOf(const RecipeNetwork& net) {
  std::vector<LayerCase> layers;
  const RuntimeNetwork network(net.graph(), net.parameters(), kernels::ReferenceKernels());
  const DiffusionSampler sampler = net.Sampler(network);
  SamplerOptions options;
  options.batch = 2, options.threads = 1;
  options.observer = [&](int /*step*/, int /*timestep*/, int branch, int64_t first, int64_t batch,
                         NodeId id, const float* x) {
    if (branch != 0 || first != 0) return;
    const int64_t elements = ElementsOf(net.graph().node(net.graph().node(id).inputs[0]).shape);
    layers.push_back({id, {x, x + batch * elements}});
  };
  sampler.Sample(sampler.PrepareFloat(TimestepSequence({30}, RecipeNetwork::kTimesteps)),
                 {2, RandomPurpose::kTest, 0, 2, net.Conditions(sampler)}, options);
  return layers;
}

// One layer's output from `file`, for steps of a range and branch: the same for any number of
// threads. The scratch has a guard behind it.
inline std::vector<float> RunAlone(const RecipeNetwork& net, const LayerCase& layer,
                                   const TensorFile& file, int weight_bits, int activation_bits,
                                   PolicyPlace place) {
  const Graph graph = Alone(net.graph(), layer.id);
  const QuantTable table(file, graph.sites(), net.scheme());
  const RuntimeNetwork network(graph, net.parameters(), kernels::BestKernels());
  const ActivePolicy policy =
      network.Activate({BitWidth::Of(weight_bits), BitWidth::Of(activation_bits)}, &table, place);
  const auto run = [&](int threads) {
    Workspace workspace = network.MakeWorkspace(2, threads);
    const size_t size = workspace.scratch.size();
    workspace.scratch = ScratchMemory(size + 65536);
    std::fill_n(workspace.scratch.data(), workspace.scratch.size(), uint8_t{0x5A});
    std::vector<float> out(2 * ElementsOf(graph.output_shape()));
    network.Run(policy, {2, {{"x", layer.x.data()}}, {}}, out.data(), workspace);
    for (size_t i = size; i < workspace.scratch.size(); ++i) {
      if (workspace.scratch.data()[i] != 0x5A) {
        ADD_FAILURE() << net.graph().node(layer.id).name << " writes beyond its scratch";
        break;
      }
    }
    return out;
  };
  std::vector<float> out = run(1);
  EXPECT_EQ(run(3), out) << net.graph().node(layer.id).name;
  return out;
}

inline LayerCase Find(const RecipeNetwork& net, const std::string& name) {
  for (const LayerCase& layer : LayersOf(net)) {
    if (net.graph().node(layer.id).name == name) return layer;
  }
  throw std::runtime_error("no layer " + name);
}

}  // namespace tmpq
