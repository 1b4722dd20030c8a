// Images on the device: convolutions, and where the parts of what they read lie.
#include "kernels/cuda/instances.h"
#include "src/runtime/device/device_launches.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/network_call.h"

namespace tmpq {
namespace {

using gpu::GemmParams;
using gpu::RowsParams;

gpu::Windows WindowsOf(const Attributes& a, const ImageLayout& in, const ImageLayout& out) {
  gpu::Windows w;
  w.height = static_cast<int>(in.height), w.width = static_cast<int>(in.width);
  w.channels = static_cast<int>(in.channels);
  w.out_height = static_cast<int>(out.height), w.out_width = static_cast<int>(out.width);
  w.window_width = static_cast<int>(a.window_width()), w.stride = static_cast<int>(a.stride);
  w.above = a.end_padding_only ? 0 : static_cast<int>(a.padding);
  w.left = a.end_padding_only ? 0 : static_cast<int>(a.side_padding());
  return w;
}

}  // namespace

gpu::ImageSource DeviceNetwork::SourceOf(const Step& step, NodeId reader) const {
  const NodeId id = graph_.node(reader).inputs[0];
  const Node& node = graph_.node(id);
  gpu::ImageSource source;
  source.channels = node.shape.back();
  source.x = Value(step, LayoutOf(id).in_parts ? node.inputs[0] : id);
  if (LayoutOf(id).in_parts && node.inputs.size() > 1) {
    source.beside = Value(step, node.inputs[1]);
    source.beside_channels = graph_.node(node.inputs[1]).shape.back();
  }
  return source;
}

bool DeviceNetwork::IsDoubled(NodeId reader) const {
  const NodeId id = graph_.node(reader).inputs[0];
  return LayoutOf(id).in_parts && graph_.node(id).kind == OpKind::kUpsample;
}

gpu::Activations DeviceNetwork::WholeImages(const Step& step, NodeId reader) {
  const gpu::ImageSource source = SourceOf(step, reader);
  if (source.beside.empty()) return source.x;
  const Shape& shape = graph_.node(graph_.node(reader).inputs[0]).shape;
  const int64_t pixels = step.batch * ElementsOf(shape) / source.channels;
  auto* whole = Scratch<float>(pixels * source.channels);
  const auto copy = [&](gpu::Activations from, int64_t channels, float* to) {
    CopyShape part;
    part.Add(pixels, channels, source.channels), part.Add(channels, 1, 1);
    part.params.from = from, part.params.to = gpu::FloatsAt(to);
    part.params.count = part.Count();
    Launch<gpu::CopyKernel>(step, Elements(part.params.count), 0, part.params);
  };
  const int64_t first = source.channels - source.beside_channels;
  copy(source.x, first, whole);
  copy(source.beside, source.beside_channels, whole + first);
  return gpu::FloatsAt(whole);
}

// Images of `layer` through its balancing and rotation, in one part.
gpu::Activations DeviceNetwork::TransformedImages(const Step& step, NodeId layer) {
  const LayerInputView& inputs = step.policy.nodes[layer].inputs;
  const gpu::Activations whole = WholeImages(step, layer);
  if (inputs.multiply == nullptr) return whole;
  const Node& node = graph_.node(layer);
  const ImageLayout in(graph_.node(node.inputs[0]).shape);
  RowsParams t;
  t.x = whole, t.cols = t.x_stride = in.channels;
  t.rows = step.batch * in.images * StoredElements(layer) / in.channels;
  SetTransform(inputs, in.channels, &t);
  t.out = gpu::FloatsAt(Scratch<float>(t.rows * in.channels)), t.out_last = true;
  LaunchRows(step, t, "device: layer " + node.name);
  return t.out;
}

int64_t DeviceNetwork::StoredElements(NodeId reader) const {
  const ImageLayout in(graph_.node(graph_.node(reader).inputs[0]).shape);
  return in.elements() / (IsDoubled(reader) ? 4 : 1);
}

void DeviceNetwork::Conv2d(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const ImageLayout in(graph_.node(node.inputs[0]).shape), out(node.shape);
  const int64_t images = step.batch * in.images;
  if (step.policy.nodes[id].multiplies_integers()) return IntegerConv2d(step, id, images);
  const ProductShape product = ProductOf(node);
  gpu::WindowsParams<float> w;
  w.windows = WindowsOf(node.attributes, in, out), w.windows.doubled = IsDoubled(id) ? 1 : 0;
  w.x = {TransformedImages(step, id)}, w.rows = images * out.height * out.width;
  w.inputs = w.group = w.padded = product.inputs;
  w.out = Scratch<float>(w.rows * product.inputs);
  Launch<gpu::WindowsKernel<float>>(step, Elements(w.rows * product.inputs), 0, w);
  FloatProduct(step, gpu::FloatsAt(w.out), w.rows, product.inputs, product.outputs,
               FloatWeights(step, id), network_.bias_of_node_[id], Value(step, id));
}

void DeviceNetwork::IntegerConv2d(const Step& step, NodeId id, int64_t images) {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = step.policy.nodes[id];
  const LayerInputView& inputs = binding.inputs;
  const ImageLayout in(graph_.node(node.inputs[0]).shape), out(node.shape);
  const ProductShape product = ProductOf(node);
  const bool doubled = IsDoubled(id);
  const int64_t elements = StoredElements(id);  // of an image
  gpu::ImageSource source = SourceOf(step, id);
  if (inputs.multiply != nullptr) source = {TransformedImages(step, id), {}, in.channels, 0};
  gpu::QuantizeImagesParams q;
  q.images.source = source, q.images.images = images, q.images.elements = elements;
  q.images.bits = binding.bits[0], q.images.symmetric = inputs.symmetric;
  const bool nibbles = HasNibbles(device_, binding) && in.channels % 32 == 0;
  q.images.nibbles = nibbles;
  q.images.fixed_scale = Resident(inputs.fixed_scale, inputs.fixed_rows);
  q.images.fixed_offset = Resident(inputs.fixed_offset, inputs.fixed_rows);
  q.images.scale = Scratch<float>(images), q.images.inverse = Scratch<float>(images);
  q.images.offset = Scratch<int32_t>(images), q.images.outside = Scratch<int8_t>(images * 16);
  const int64_t bytes = images * elements / (nibbles ? 2 : 1);
  q.q = Scratch<int8_t>(bytes);
  Launch<gpu::ImageScalesKernel>(step, {images}, gpu::ImageScalesKernel::kSharedBytes, q.images);
  Launch<gpu::QuantizeImagesKernel>(step, Elements(bytes), 0, q);

  GemmParams p;
  p.windows = WindowsOf(node.attributes, in, out), p.windows.outside = q.images.outside;
  p.windows.doubled = doubled ? 1 : 0;
  p.scale_rows = out.height * out.width, p.m = images * p.scale_rows;
  p.n = product.outputs, p.k = product.inputs, p.a = q.q, p.a_scale = q.images.scale;
  if (!inputs.symmetric) p.a_offset = q.images.offset;
  p.bias = Resident(network_.bias_of_node_[id], product.outputs);
  p.out = Value(step, id), p.out_stride = product.outputs;
  const int64_t group = binding.weights.group > 0 ? binding.weights.group : product.inputs;
  const int64_t groups = GroupsOf(binding.weights, product.inputs);
  if (binding.weights.offset != nullptr) {
    gpu::WindowSumsParams s;
    s.windows = p.windows, s.x = q.q, s.nibbles = nibbles, s.rows = p.m, s.inputs = product.inputs,
    s.group = group;
    s.sums = Scratch<int32_t>(p.m * groups);
    p.a_sums = s.sums;
    Launch<gpu::WindowSumsKernel>(step, Elements(p.m * groups), 0, s);
  }
  const bool implicit = in.channels % 16 == 0 && binding.weights.group == 0;
  if (!implicit) {
    gpu::WindowsParams<int8_t> w;
    w.windows = p.windows, w.x = {q.q}, w.rows = p.m, w.inputs = product.inputs, w.group = group;
    w.padded = gpu::PaddedInputs(product.inputs, binding.weights.group) / groups;
    w.out = Scratch<int8_t>(p.m * groups * w.padded);
    p.a = w.out;
    Launch<gpu::WindowsKernel<int8_t>>(step, Elements(p.m * groups * w.padded), 0, w);
  }
  Product(step, binding, &p,
          nibbles                     ? gpu::GemmKind::kNibbleWindows
          : implicit                  ? gpu::GemmKind::kWindows
          : binding.weights.group > 0 ? gpu::GemmKind::kGroups
                                      : gpu::GemmKind::kRows);
}

}  // namespace tmpq
