// Builds a Graph node by node with shape inference. Illegal shapes throw kInput naming the node.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

// What a float attention does besides q k' and v; node ids of -1: none.
struct ScoreOptions {
  NodeId mask = -1;  // (Tk)
  NodeId bias = -1;  // (heads, Tq, Tk)
  bool causal = false;
  double scale = 0;  // 0: 1 / sqrt(C/heads)
};

// Where a convolution or pool looks: pixels of a window, from pixel to pixel.
struct Window {
  int64_t height = 1, width = 1;
  int64_t stride = 1;
  int64_t padding_height = 0, padding_width = 0;
  int64_t end_padding = 0;  // so much more below and to the right
};

// A legal network has no dimension near this; it keeps products of dimensions from overflowing.
constexpr int64_t kMaxDimension = int64_t{1} << 24;

class GraphBuilder {
 public:
  explicit GraphBuilder(std::string graph_name);

  NodeId Input(const std::string& name, Shape shape);
  // `group` is set when the layer has quantization sites; without it the layer stays float.
  NodeId Linear(const std::string& name, NodeId x, int64_t features, bool bias = true);
  NodeId Linear(const std::string& name, NodeId x, int64_t features, LayerGroup group,
                bool bias = true);
  NodeId Conv2d(const std::string& name, NodeId x, int64_t features, int64_t kernel, int64_t stride,
                int64_t padding);
  NodeId Conv2d(const std::string& name, NodeId x, int64_t features, int64_t kernel, int64_t stride,
                int64_t padding, LayerGroup group);
  // Windows of any sides; float.
  NodeId Conv2d(const std::string& name, NodeId x, int64_t features, const Window& window);
  NodeId Relu(const std::string& name, NodeId x);
  NodeId MaxPool(const std::string& name, NodeId x, const Window& window);
  NodeId AveragePool(const std::string& name, NodeId x, const Window& window);
  NodeId FrameWindows(const std::string& name, NodeId x, int64_t frames, int64_t stride,
                      int64_t padding, int64_t end_padding = 0);
  NodeId LayerNorm(const std::string& name, NodeId x, double epsilon = 1e-6);
  NodeId AffineLayerNorm(const std::string& name, NodeId x, double epsilon = 1e-5);
  NodeId GroupNorm(const std::string& name, NodeId x, int64_t groups, double epsilon = 1e-5);
  NodeId Modulate(const std::string& name, NodeId x, NodeId shift, NodeId scale);
  NodeId GatedAdd(const std::string& name, NodeId x, NodeId gate, NodeId y);
  NodeId Add(const std::string& name, NodeId x, NodeId y);
  // `dims`: the parameter's shape, the last dimensions of x; empty: x's.
  NodeId AddParameter(const std::string& name, NodeId x, Shape dims = {});
  NodeId Multiply(const std::string& name, NodeId x, NodeId y);
  NodeId Scale(const std::string& name, NodeId x, double factor);
  NodeId Silu(const std::string& name, NodeId x);
  NodeId Gelu(const std::string& name, NodeId x);
  NodeId GeluErf(const std::string& name, NodeId x);
  NodeId Slice(const std::string& name, NodeId x, int64_t offset, int64_t size);
  // `mask` of -1: none.
  NodeId Attention(const std::string& name, NodeId q, NodeId k, NodeId v, int64_t heads,
                   LayerGroup group, NodeId mask = -1);
  // Without quantization sites.
  NodeId FloatAttention(const std::string& name, NodeId q, NodeId k, NodeId v, int64_t heads,
                        const ScoreOptions& options = {});
  NodeId Patchify(const std::string& name, NodeId x, int64_t patch);
  NodeId Unpatchify(const std::string& name, NodeId x, int64_t patch, int64_t height,
                    int64_t width);
  NodeId TimestepEmbedding(const std::string& name, NodeId timestep, int64_t features,
                           bool sin_first = false, double frequency_shift = 0);
  NodeId LabelEmbedding(const std::string& name, NodeId label, int64_t classes, int64_t features);
  NodeId MeanPool(const std::string& name, NodeId x);
  NodeId Parameter(const std::string& name, Shape dims);
  NodeId RmsNorm(const std::string& name, NodeId x, double epsilon);
  NodeId QuickGelu(const std::string& name, NodeId x);
  // `row`: an input.
  NodeId SelectRow(const std::string& name, NodeId x, NodeId row);
  NodeId Concat(const std::string& name, std::vector<NodeId> inputs);
  NodeId Reshape(const std::string& name, NodeId x, Shape dims);
  NodeId Permute(const std::string& name, NodeId x, std::vector<int64_t> order);
  NodeId Upsample(const std::string& name, NodeId x);
  NodeId Rotary(const std::string& name, NodeId x, NodeId angles, int64_t heads);
  NodeId ReplaceRows(const std::string& name, NodeId x, NodeId mask, NodeId y);

  const Shape& shape(NodeId id) const { return graph_.nodes_[id].shape; }
  // Adds a node of any kind; shape, parameters, sites and MACs follow from kind, inputs and
  // attributes.
  NodeId Append(OpKind kind, const std::string& name, std::vector<NodeId> inputs,
                Attributes attributes, Shape input_shape = {});
  Graph Finish(NodeId output);

 private:
  void InferShape(Node& node) const;
  // All but the channels of what windows over x give.
  Shape WindowedShape(const Node& node, const Shape& x) const;
  void AddSites(Node& node);
  [[noreturn]] void Fail(const Node& node, const std::string& what) const;

  Graph graph_;
  std::set<std::string> names_;
};

}  // namespace tmpq
