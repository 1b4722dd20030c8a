#include "src/graph/graph_builder.h"

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 40;

// Fewest and most inputs of an op.
std::pair<size_t, size_t> InputCountsOf(OpKind kind) {
  switch (kind) {
    case OpKind::kInput:
    case OpKind::kParameter:
      return {0, 0};
    case OpKind::kModulate:
    case OpKind::kGatedAdd:
    case OpKind::kReplaceRows:
      return {3, 3};
    case OpKind::kAttention:
      return {3, 5};
    case OpKind::kAdd:
    case OpKind::kMultiply:
    case OpKind::kSelectRow:
    case OpKind::kRotary:
      return {2, 2};
    case OpKind::kConcat:
      return {2, 64};
    default:
      return {1, 1};
  }
}

Attributes AttributesOf(const Window& window) {
  return {
      .kernel = window.height,
      .stride = window.stride,
      .padding = window.padding_height,
      .kernel_width = window.width == window.height ? 0 : window.width,
      .padding_width = window.padding_width == window.padding_height ? -1 : window.padding_width,
      .end_padding = window.end_padding};
}

}  // namespace

GraphBuilder::GraphBuilder(std::string graph_name) { graph_.name_ = std::move(graph_name); }

void GraphBuilder::Fail(const Node& node, const std::string& what) const {
  std::string inputs;
  for (const NodeId input : node.inputs) {
    inputs += " " + graph_.nodes_[input].name + ShapeText(graph_.nodes_[input].shape);
  }
  throw Error(
      ErrorCode::kInput, "graph " + graph_.name_ + ": node " + node.name,
      std::string(NameOf(node.kind)) + ": " + what + (inputs.empty() ? "" : "; inputs:" + inputs));
}

void GraphBuilder::AddSites(Node& node) {
  if (node.macs == 0) return;
  SiteTable& table = graph_.sites_;
  const bool attention = node.kind == OpKind::kAttention;
  if (!node.attributes.quantized) {
    table.products.push_back({-1, -1, node.macs});
    return;
  }
  const auto group_number = node.attributes.group;
  if (group_number < 0 || group_number > static_cast<int64_t>(LayerGroup::kEmbedding)) {
    Fail(node, "has an unknown layer group");
  }
  const auto group = static_cast<LayerGroup>(group_number);
  node.first_site = static_cast<int>(table.sites.size());
  const auto add = [&](const char* role, SiteKind kind, int64_t elements, int64_t in, int64_t out) {
    table.sites.push_back({node.name + "." + role, node.name, kind, group, elements, in, out});
  };
  const Shape& x = graph_.nodes_[node.inputs[0]].shape;
  if (attention) {
    const Shape& k = graph_.nodes_[node.inputs[1]].shape;
    const int64_t keys = k[k.size() - 2], queries = ElementsOf(x) / x.back();
    add("query", SiteKind::kQuery, ElementsOf(x), x.back(), 0);
    add("key", SiteKind::kKey, ElementsOf(k), k.back(), 0);
    add("value", SiteKind::kValue, ElementsOf(k), k.back(), 0);
    add("softmax", SiteKind::kSoftmax, queries * keys * node.attributes.heads, keys, 0);
    const int first = node.first_site;
    table.products.push_back({first, first + 1, node.macs / 2});
    table.products.push_back({first + 3, first + 2, node.macs / 2});
  } else {
    const Shape& weight = node.parameters.at("weight");
    add("weight", SiteKind::kWeight, ElementsOf(weight), ElementsOf(weight) / weight[0], weight[0]);
    add("input", SiteKind::kActivation, ElementsOf(x), x.back(), 0);
    table.products.push_back({node.first_site, node.first_site + 1, node.macs});
  }
}

NodeId GraphBuilder::Append(OpKind kind, const std::string& name, std::vector<NodeId> inputs,
                            Attributes attributes, Shape input_shape) {
  Node node;
  node.kind = kind;
  node.name = name;
  node.inputs = std::move(inputs);
  node.attributes = attributes;
  if (name.empty() || !names_.insert(name).second) Fail(node, "its name is empty or taken");
  const auto [fewest, most] = InputCountsOf(kind);
  if (node.inputs.size() < fewest || node.inputs.size() > most) {
    Fail(node, "has the wrong number of inputs");
  }
  InferShape(node);
  if (kind == OpKind::kInput) node.shape = std::move(input_shape);
  double elements = 1;  // in double, so that the check itself cannot overflow
  for (const int64_t size : node.shape) {
    if (size <= 0 || size > kMaxDimension)
      Fail(node, "has a dimension that is not positive or too large");
    elements *= static_cast<double>(size);
  }
  if (elements > static_cast<double>(kMaxElements)) Fail(node, "is too large");
  AddSites(node);
  for (const auto& [role, shape] : node.parameters) {
    graph_.parameters_.emplace_back(name + "." + role, shape);
    if (!(role == "weight" && node.first_site >= 0)) {
      graph_.sites_.float_parameter_bytes += 4 * ElementsOf(shape);
    }
  }
  graph_.nodes_.push_back(std::move(node));
  return static_cast<NodeId>(graph_.nodes_.size()) - 1;
}

Graph GraphBuilder::Finish(NodeId output) {
  graph_.output_ = output;
  return std::move(graph_);
}

NodeId GraphBuilder::Input(const std::string& name, Shape shape) {
  return Append(OpKind::kInput, name, {}, {}, std::move(shape));
}
NodeId GraphBuilder::Linear(const std::string& name, NodeId x, int64_t features, bool bias) {
  return Append(OpKind::kLinear, name, {x}, {.features = features, .bias = bias});
}
NodeId GraphBuilder::Linear(const std::string& name, NodeId x, int64_t features, LayerGroup group,
                            bool bias) {
  return Append(OpKind::kLinear, name, {x},
                {.features = features,
                 .bias = bias,
                 .quantized = true,
                 .group = static_cast<int64_t>(group)});
}
NodeId GraphBuilder::Conv2d(const std::string& name, NodeId x, int64_t features, int64_t kernel,
                            int64_t stride, int64_t padding) {
  return Append(OpKind::kConv2d, name, {x},
                {.features = features, .kernel = kernel, .stride = stride, .padding = padding});
}
NodeId GraphBuilder::Conv2d(const std::string& name, NodeId x, int64_t features, int64_t kernel,
                            int64_t stride, int64_t padding, LayerGroup group) {
  return Append(OpKind::kConv2d, name, {x},
                {.features = features,
                 .kernel = kernel,
                 .stride = stride,
                 .padding = padding,
                 .quantized = true,
                 .group = static_cast<int64_t>(group)});
}
NodeId GraphBuilder::Conv2d(const std::string& name, NodeId x, int64_t features,
                            const Window& window) {
  Attributes attributes = AttributesOf(window);
  attributes.features = features;
  return Append(OpKind::kConv2d, name, {x}, std::move(attributes));
}
NodeId GraphBuilder::Relu(const std::string& name, NodeId x) {
  return Append(OpKind::kRelu, name, {x}, {});
}
NodeId GraphBuilder::MaxPool(const std::string& name, NodeId x, const Window& window) {
  return Append(OpKind::kMaxPool, name, {x}, AttributesOf(window));
}
NodeId GraphBuilder::AveragePool(const std::string& name, NodeId x, const Window& window) {
  return Append(OpKind::kAveragePool, name, {x}, AttributesOf(window));
}
NodeId GraphBuilder::FrameWindows(const std::string& name, NodeId x, int64_t frames, int64_t stride,
                                  int64_t padding, int64_t end_padding) {
  return Append(
      OpKind::kFrameWindows, name, {x},
      {.kernel = frames, .stride = stride, .padding = padding, .end_padding = end_padding});
}
NodeId GraphBuilder::AffineLayerNorm(const std::string& name, NodeId x, double epsilon) {
  return Append(OpKind::kLayerNorm, name, {x}, {.epsilon = epsilon, .affine = true});
}
NodeId GraphBuilder::LayerNorm(const std::string& name, NodeId x, double epsilon) {
  return Append(OpKind::kLayerNorm, name, {x}, {.epsilon = epsilon});
}
NodeId GraphBuilder::GroupNorm(const std::string& name, NodeId x, int64_t groups, double epsilon) {
  return Append(OpKind::kGroupNorm, name, {x}, {.groups = groups, .epsilon = epsilon});
}
NodeId GraphBuilder::Modulate(const std::string& name, NodeId x, NodeId shift, NodeId scale) {
  return Append(OpKind::kModulate, name, {x, shift, scale}, {});
}
NodeId GraphBuilder::GatedAdd(const std::string& name, NodeId x, NodeId gate, NodeId y) {
  return Append(OpKind::kGatedAdd, name, {x, gate, y}, {});
}
NodeId GraphBuilder::Add(const std::string& name, NodeId x, NodeId y) {
  return Append(OpKind::kAdd, name, {x, y}, {});
}
NodeId GraphBuilder::AddParameter(const std::string& name, NodeId x, Shape dims) {
  return Append(OpKind::kAddParameter, name, {x}, {.dims = std::move(dims)});
}
NodeId GraphBuilder::Multiply(const std::string& name, NodeId x, NodeId y) {
  return Append(OpKind::kMultiply, name, {x, y}, {});
}
NodeId GraphBuilder::Scale(const std::string& name, NodeId x, double factor) {
  return Append(OpKind::kScale, name, {x}, {.factor = factor});
}
NodeId GraphBuilder::GeluErf(const std::string& name, NodeId x) {
  return Append(OpKind::kGeluErf, name, {x}, {});
}
NodeId GraphBuilder::Concat(const std::string& name, std::vector<NodeId> inputs) {
  return Append(OpKind::kConcat, name, std::move(inputs), {});
}
NodeId GraphBuilder::Reshape(const std::string& name, NodeId x, Shape dims) {
  return Append(OpKind::kReshape, name, {x}, {.dims = std::move(dims)});
}
NodeId GraphBuilder::Permute(const std::string& name, NodeId x, std::vector<int64_t> order) {
  return Append(OpKind::kPermute, name, {x}, {.dims = std::move(order)});
}
NodeId GraphBuilder::Upsample(const std::string& name, NodeId x) {
  return Append(OpKind::kUpsample, name, {x}, {});
}
NodeId GraphBuilder::Rotary(const std::string& name, NodeId x, NodeId angles, int64_t heads) {
  return Append(OpKind::kRotary, name, {x, angles}, {.heads = heads});
}
NodeId GraphBuilder::ReplaceRows(const std::string& name, NodeId x, NodeId mask, NodeId y) {
  return Append(OpKind::kReplaceRows, name, {x, mask, y}, {});
}
NodeId GraphBuilder::Silu(const std::string& name, NodeId x) {
  return Append(OpKind::kSilu, name, {x}, {});
}
NodeId GraphBuilder::Gelu(const std::string& name, NodeId x) {
  return Append(OpKind::kGelu, name, {x}, {});
}
NodeId GraphBuilder::Slice(const std::string& name, NodeId x, int64_t offset, int64_t size) {
  return Append(OpKind::kSlice, name, {x}, {.offset = offset, .size = size});
}
NodeId GraphBuilder::Attention(const std::string& name, NodeId q, NodeId k, NodeId v, int64_t heads,
                               LayerGroup group, NodeId mask) {
  std::vector<NodeId> inputs = {q, k, v};
  if (mask >= 0) inputs.push_back(mask);
  return Append(OpKind::kAttention, name, std::move(inputs),
                {.heads = heads, .quantized = true, .group = static_cast<int64_t>(group)});
}
NodeId GraphBuilder::FloatAttention(const std::string& name, NodeId q, NodeId k, NodeId v,
                                    int64_t heads, const ScoreOptions& options) {
  std::vector<NodeId> inputs = {q, k, v};
  if (options.mask >= 0) inputs.push_back(options.mask);
  if (options.bias >= 0) inputs.push_back(options.bias);
  return Append(OpKind::kAttention, name, std::move(inputs),
                {.heads = heads,
                 .score_scale = options.scale,
                 .score_bias = options.bias >= 0,
                 .causal = options.causal});
}
NodeId GraphBuilder::Patchify(const std::string& name, NodeId x, int64_t patch) {
  return Append(OpKind::kPatchify, name, {x}, {.patch = patch});
}
NodeId GraphBuilder::Unpatchify(const std::string& name, NodeId x, int64_t patch, int64_t height,
                                int64_t width) {
  return Append(OpKind::kUnpatchify, name, {x}, {.patch = patch, .height = height, .width = width});
}
NodeId GraphBuilder::TimestepEmbedding(const std::string& name, NodeId timestep, int64_t features,
                                       bool sin_first, double frequency_shift) {
  return Append(OpKind::kTimestepEmbedding, name, {timestep},
                {.features = features, .frequency_shift = frequency_shift, .sin_first = sin_first});
}
NodeId GraphBuilder::LabelEmbedding(const std::string& name, NodeId label, int64_t classes,
                                    int64_t features) {
  return Append(OpKind::kLabelEmbedding, name, {label}, {.features = features, .size = classes});
}
NodeId GraphBuilder::MeanPool(const std::string& name, NodeId x) {
  return Append(OpKind::kMeanPool, name, {x}, {});
}
NodeId GraphBuilder::Parameter(const std::string& name, Shape dims) {
  return Append(OpKind::kParameter, name, {}, {.dims = std::move(dims)});
}
NodeId GraphBuilder::RmsNorm(const std::string& name, NodeId x, double epsilon) {
  return Append(OpKind::kRmsNorm, name, {x}, {.epsilon = epsilon});
}
NodeId GraphBuilder::QuickGelu(const std::string& name, NodeId x) {
  return Append(OpKind::kQuickGelu, name, {x}, {});
}
NodeId GraphBuilder::SelectRow(const std::string& name, NodeId x, NodeId row) {
  return Append(OpKind::kSelectRow, name, {x, row}, {});
}

}  // namespace tmpq
