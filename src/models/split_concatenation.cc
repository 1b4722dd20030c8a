#include "src/models/split_concatenation.h"

#include <algorithm>
#include <string>
#include <vector>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

// Ops whose channel c depends on nothing of x but, at most, its channels' group.
bool KeepsChannels(OpKind kind) {
  switch (kind) {
    case OpKind::kGroupNorm:
    case OpKind::kSilu:
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kUpsample:
      return true;
    default:
      return false;
  }
}

// The concatenation of two tensors that a quantized layer reads, or -1.
NodeId ConcatenationBefore(const Graph& graph, const Node& layer) {
  const bool product = layer.kind == OpKind::kLinear || layer.kind == OpKind::kConv2d;
  if (!product || layer.first_site < 0) return -1;
  NodeId id = layer.inputs[0];
  while (KeepsChannels(graph.node(id).kind)) id = graph.node(id).inputs[0];
  const Node& found = graph.node(id);
  return found.kind == OpKind::kConcat && found.inputs.size() == 2 ? id : -1;
}

// Channels [begin, end) of weights (.., channels).
std::vector<float> TakeChannels(std::span<const float> weights, int64_t channels, int64_t begin,
                                int64_t end) {
  std::vector<float> taken;
  taken.reserve(weights.size() / channels * (end - begin));
  for (size_t row = 0; row < weights.size(); row += channels) {
    taken.insert(taken.end(), weights.begin() + row + begin, weights.begin() + row + end);
  }
  return taken;
}

class Splitter {
 public:
  explicit Splitter(const ModelFile& model)
      : model_(model), variant_(model), builder_(model.graph.name()) {}

  ModelFile Run() {
    const Graph& graph = model_.graph;
    for (size_t id = 0; id < graph.nodes().size(); ++id) {
      const Node& node = graph.node(static_cast<NodeId>(id));
      const NodeId concatenation = ConcatenationBefore(graph, node);
      new_ids_.push_back(concatenation < 0 ? Copy(node) : Split(node, concatenation));
      split_ = split_ || concatenation >= 0;
    }
    if (!split_) return model_;
    variant_.graph = builder_.Finish(new_ids_[graph.output()]);
    variant_.name += kSplitEnding;
    variant_.hash = HashString(model_.hash.Hex() + variant_.graph.hash().Hex());
    return std::move(variant_);
  }

 private:
  NodeId Copy(const Node& node) {
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(new_ids_[input]);
    return builder_.Append(node.kind, node.name, std::move(inputs), node.attributes,
                           node.kind == OpKind::kInput ? node.shape : Shape{});
  }

  NodeId Split(const Node& node, NodeId concatenation) {
    const Graph& graph = model_.graph;
    const Node& concat = graph.node(concatenation);
    const int64_t channels = concat.shape.back();
    const int64_t boundary = graph.node(concat.inputs[0]).shape.back();
    const NodeId x = new_ids_[node.inputs[0]];
    const bool direct = node.inputs[0] == concatenation;
    NodeId parts[2];
    for (const int i : {0, 1}) {
      const std::string name = node.name + (i == 0 ? ".first" : ".second");
      const int64_t begin = i == 0 ? 0 : boundary, end = i == 0 ? boundary : channels;
      const NodeId input = direct ? new_ids_[concat.inputs[i]]
                                  : builder_.Slice(name + ".input", x, begin, end - begin);
      Attributes attributes = node.attributes;
      attributes.bias = attributes.bias && i == 0;
      parts[i] = builder_.Append(node.kind, name, {input}, attributes);
      variant_.parameters.Set(
          name + ".weight",
          TakeChannels(model_.parameters.Get(node.name + ".weight"), channels, begin, end));
    }
    if (node.attributes.bias) {
      const auto bias = model_.parameters.Get(node.name + ".bias");
      variant_.parameters.Set(node.name + ".first.bias", {bias.begin(), bias.end()});
    }
    return builder_.Add(node.name + ".sum", parts[0], parts[1]);
  }

  const ModelFile& model_;
  ModelFile variant_;
  GraphBuilder builder_;
  std::vector<NodeId> new_ids_;
  bool split_ = false;
};

}  // namespace

ModelFile SplitConcatenations(const ModelFile& model) { return Splitter(model).Run(); }

}  // namespace tmpq
