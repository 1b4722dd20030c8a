// Functions of rows and elements, and layouts, on the device.
#include "kernels/cuda/instances.h"
#include "src/core/error.h"
#include "src/runtime/device/device_launches.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/network_call.h"

namespace tmpq {
namespace {

using gpu::Binary;
using gpu::CopyParams;
using gpu::ElementwiseParams;
using gpu::Norm;
using gpu::RowsParams;
using gpu::Unary;

Unary UnaryOf(OpKind kind) {
  switch (kind) {
    case OpKind::kGelu:
      return Unary::kGeluTanh;
    case OpKind::kGeluErf:
      return Unary::kGeluErf;
    case OpKind::kSilu:
      return Unary::kSilu;
    case OpKind::kQuickGelu:
      return Unary::kQuickGelu;
    case OpKind::kRelu:
      return Unary::kRelu;
    default:
      return Unary::kNone;
  }
}

}  // namespace

void DeviceNetwork::AddChain(const Step& step, const Chain& chain, RowsParams* params) {
  for (const NodeId id : chain.nodes) {
    const Node& node = graph_.node(id);
    params->storage = StorageOf(step, id);
    if (node.kind == OpKind::kModulate) {
      params->shift = Value(step, node.inputs[1]), params->scale = Value(step, node.inputs[2]);
      params->shift_stride = LayoutOf(node.inputs[1]).row_stride;
      params->scale_stride = LayoutOf(node.inputs[2]).row_stride;
      params->sample_rows = LayoutOf(id).rows;
    } else if (node.kind == OpKind::kLayerNorm || node.kind == OpKind::kRmsNorm) {
      params->norm = node.kind == OpKind::kLayerNorm ? Norm::kLayer : Norm::kRms;
      params->epsilon = static_cast<float>(node.attributes.epsilon);
      params->weight = Resident(network_.weight_of_node_[id], params->cols);
      params->bias = Resident(network_.bias_of_node_[id], params->cols);
    } else {
      params->unary = UnaryOf(node.kind);
    }
  }
}

void DeviceNetwork::Rows(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const int64_t rows = LayoutOf(id).rows, cols = LayoutOf(id).cols, sample = rows * cols;
  const auto elementwise = [&](Binary binary, gpu::Activations y, int64_t period, bool per_sample) {
    ElementwiseParams p;
    p.x = Value(step, node.inputs[0]), p.count = step.batch * sample, p.sample = sample;
    p.unary = UnaryOf(node.kind), p.binary = binary, p.y = y, p.period = period;
    p.y_sample_stride = per_sample ? period : 0, p.cols = cols;
    p.factor = static_cast<float>(node.attributes.factor), p.out = Value(step, id);
    if (binary == Binary::kGatedAdd) {
      p.gate = Value(step, node.inputs[1]);
      p.gate_stride = LayoutOf(node.inputs[1]).row_stride;
    }
    Launch<gpu::ElementwiseKernel>(step, Elements(p.count), 0, p);
  };
  const auto with_operand = [&](Binary binary, NodeId operand) {
    elementwise(binary, Value(step, operand), LayoutOf(operand).rows * LayoutOf(operand).cols,
                true);
  };
  switch (node.kind) {
    case OpKind::kLayerNorm:
    case OpKind::kRmsNorm:
    case OpKind::kModulate: {
      RowsParams p;
      p.x = Value(step, node.inputs[0]), p.rows = step.batch * rows, p.cols = p.x_stride = cols;
      AddChain(step, {{id}, node.inputs[0]}, &p);
      p.out = Value(step, id);
      return LaunchRows(step, p, "device: " + node.name);
    }
    case OpKind::kGroupNorm: {
      gpu::GroupNormParams p;
      p.source = SourceOf(step, id), p.samples = step.batch, p.pixels = rows;
      p.channels = cols, p.groups = node.attributes.groups;
      p.epsilon = static_cast<float>(node.attributes.epsilon);
      p.weight = Resident(network_.weight_of_node_[id], cols);
      p.bias = Resident(network_.bias_of_node_[id], cols), p.out = Value(step, id);
      p.storage = p.out.storage;
      const auto activation = step.activation_of.find(id);
      if (activation != step.activation_of.end()) {
        p.unary = UnaryOf(graph_.node(activation->second).kind);
        p.out = Value(step, activation->second);
      }
      return Launch<gpu::GroupNormKernel>(step, {p.samples * p.groups}, 0, p);
    }
    case OpKind::kGatedAdd:
      return with_operand(Binary::kGatedAdd, node.inputs[2]);
    case OpKind::kAdd:
      return with_operand(Binary::kAdd, node.inputs[1]);
    case OpKind::kMultiply:
      return with_operand(Binary::kMultiply, node.inputs[1]);
    case OpKind::kAddParameter: {
      const int64_t elements = ElementsOf(node.parameters.at("weight"));
      return elementwise(Binary::kAdd,
                         gpu::FloatsAt(Resident(network_.weight_of_node_[id], elements)), elements,
                         false);
    }
    case OpKind::kScale:
      return elementwise(Binary::kScale, {}, 1, false);
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kSilu:
    case OpKind::kQuickGelu:
    case OpKind::kRelu:
      return elementwise(Binary::kNone, {}, 1, false);
    case OpKind::kMeanPool: {
      const gpu::MeanRowsParams p = {Value(step, node.inputs[0]), step.batch,
                                     LayoutOf(node.inputs[0]).rows, cols, Value(step, id)};
      return Launch<gpu::MeanRowsKernel>(step, Elements(step.batch * cols), 0, p);
    }
    case OpKind::kRotary: {
      gpu::RotaryParams p;
      p.x = Value(step, node.inputs[0]), p.angles = Value(step, node.inputs[1]);
      p.pairs = step.batch * sample / 2, p.rows = rows, p.cols = cols;
      p.tokens = node.shape[node.shape.size() - 2], p.head = cols / node.attributes.heads;
      p.out = Value(step, id);
      return Launch<gpu::RotaryKernel>(step, Elements(p.pairs), 0, p);
    }
    default:
      return Layout(step, id);
  }
}

// Frame by frame of the windows: those within the clip are copied, others are zeros.
void DeviceNetwork::FrameWindows(const Step& step, NodeId id) {
  static constexpr float kZero = 0;
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  const Shape& in = graph_.node(node.inputs[0]).shape;
  const int64_t channels = in.back(), pixels = ElementsOf(in) / (in[0] * channels);
  const int64_t windows = node.shape[0], frame = pixels * channels;
  const auto copy = [&](int64_t j, int64_t begin, int64_t end, bool zeros) {
    if (begin >= end) return;
    const int64_t from = zeros ? 0 : 1;
    CopyShape shape;
    shape.Add(step.batch, from * in[0] * frame, windows * frame * a.kernel);
    shape.Add(end - begin, from * a.stride * frame, frame * a.kernel);
    shape.Add(pixels, from * channels, channels * a.kernel);
    shape.Add(channels, from, 1);
    CopyParams params = shape.params;
    params.count = shape.Count();
    params.from = zeros ? gpu::FloatsAt(Resident(&kZero, 1))
                        : Value(step, node.inputs[0]) + (begin * a.stride - a.padding + j) * frame;
    params.to = Value(step, id) + (begin * frame * a.kernel + j * channels);
    Launch<gpu::CopyKernel>(step, Elements(params.count), 0, params);
  };
  for (int64_t j = 0; j < a.kernel; ++j) {
    int64_t begin = 0, end = windows;  // of the windows whose frame j is within the clip
    while (begin < windows && begin * a.stride - a.padding + j < 0) ++begin;
    while (end > begin && (end - 1) * a.stride - a.padding + j >= in[0]) --end;
    copy(j, 0, begin, true), copy(j, begin, end, false), copy(j, end, windows, true);
  }
}

void DeviceNetwork::Layout(const Step& step, NodeId id) {
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  const int64_t batch = step.batch, elements = ElementsOf(node.shape);
  const int64_t rows = batch * LayoutOf(id).rows, cols = LayoutOf(id).cols;
  gpu::Activations out = Value(step, id);
  const auto copy = [&](const CopyShape& shape, gpu::Activations from, gpu::Activations to) {
    CopyParams params = shape.params;
    params.from = from, params.to = to, params.count = shape.Count();
    Launch<gpu::CopyKernel>(step, Elements(params.count), 0, params);
  };
  CopyShape shape;
  switch (node.kind) {
    case OpKind::kSlice:
      shape.Add(rows, LayoutOf(node.inputs[0]).row_stride, a.size);
      shape.Add(a.size, 1, 1);
      return copy(shape, Value(step, node.inputs[0]) + a.offset, out);
    case OpKind::kPatchify:
    case OpKind::kUnpatchify: {
      const bool forward = node.kind == OpKind::kPatchify;
      const ImageLayout image(forward ? graph_.node(node.inputs[0]).shape : node.shape);
      const int64_t line = a.patch * image.channels, image_line = image.width * image.channels;
      const int64_t across = image.width / a.patch;
      const auto add = [&](int64_t size, int64_t in_image, int64_t in_patches) {
        shape.Add(size, forward ? in_image : in_patches, forward ? in_patches : in_image);
      };
      add(batch * image.images, image.elements(), image.elements());
      add(image.height / a.patch, a.patch * image_line, across * a.patch * line);
      add(across, line, a.patch * line);
      add(a.patch, image_line, line);
      add(line, 1, 1);
      return copy(shape, Value(step, node.inputs[0]), out);
    }
    case OpKind::kTimestepEmbedding: {
      const gpu::TimestepParams p = {Value(step, node.inputs[0]),           rows,        a.features,
                                     static_cast<float>(a.frequency_shift), a.sin_first, out};
      return Launch<gpu::TimestepKernel>(step, Elements(rows * a.features / 2), 0, p);
    }
    case OpKind::kLabelEmbedding: {
      const gpu::SelectParams p = {
          Integers(node, 0),
          gpu::FloatsAt(Resident(network_.weight_of_node_[id], a.size * a.features)),
          rows,
          a.features,
          rows,
          0,
          out};
      return Launch<gpu::SelectKernel>(step, Elements(rows * a.features), 0, p);
    }
    case OpKind::kSelectRow: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      const gpu::SelectParams p = {
          Integers(node, 1), Value(step, node.inputs[0]), batch, in[1], 1, in[0] * in[1], out};
      return Launch<gpu::SelectKernel>(step, Elements(batch * in[1]), 0, p);
    }
    case OpKind::kParameter:
      shape.Add(batch, 0, elements);
      shape.Add(elements, 1, 1);
      return copy(shape, gpu::FloatsAt(Resident(network_.weight_of_node_[id], elements)), out);
    case OpKind::kConcat:
      for (const NodeId input : node.inputs) {
        CopyShape part;
        part.Add(rows, LayoutOf(input).cols, cols);
        part.Add(LayoutOf(input).cols, 1, 1);
        copy(part, Value(step, input), out);
        out = out + LayoutOf(input).cols;
      }
      return;
    case OpKind::kReshape:
      shape.Add(batch * elements, 1, 1);
      return copy(shape, Value(step, node.inputs[0]), out);
    case OpKind::kPermute: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      std::vector<int64_t> from(in.size(), 1), to(in.size(), 1);
      for (size_t i = in.size() - 1; i > 0; --i) {
        from[i - 1] = from[i] * in[i];
        to[i - 1] = to[i] * node.shape[i];
      }
      shape.Add(batch, elements, elements);
      for (size_t i = 0; i < in.size(); ++i) shape.Add(node.shape[i], from[a.dims[i]], to[i]);
      return copy(shape, Value(step, node.inputs[0]), out);
    }
    case OpKind::kUpsample: {
      const ImageLayout image(graph_.node(node.inputs[0]).shape);
      const int64_t line = image.width * image.channels;
      shape.Add(batch * image.images * image.height, line, 4 * line);
      shape.Add(2, 0, 2 * line);
      shape.Add(image.width, image.channels, 2 * image.channels);
      shape.Add(2, 0, image.channels);
      shape.Add(image.channels, 1, 1);
      return copy(shape, Value(step, node.inputs[0]), out);
    }
    case OpKind::kFrameWindows:
      return FrameWindows(step, id);
    case OpKind::kReplaceRows: {
      gpu::ReplaceRowsParams p;
      p.x = Value(step, node.inputs[0]), p.mask = Value(step, node.inputs[1]);
      p.y = Value(step, node.inputs[2]), p.rows = rows, p.cols = cols;
      p.sample_rows = LayoutOf(id).rows, p.tokens = node.shape[node.shape.size() - 2], p.out = out;
      return Launch<gpu::ReplaceRowsKernel>(step, Elements(rows * cols), 0, p);
    }
    case OpKind::kMaxPool:
    case OpKind::kAveragePool: {
      const ImageLayout from(graph_.node(node.inputs[0]).shape), to(node.shape);
      gpu::PoolParams p;
      p.windows.height = static_cast<int>(from.height);
      p.windows.width = static_cast<int>(from.width);
      p.windows.channels = static_cast<int>(from.channels);
      p.windows.out_height = static_cast<int>(to.height);
      p.windows.out_width = static_cast<int>(to.width);
      p.windows.window_width = static_cast<int>(a.window_width());
      p.windows.stride = static_cast<int>(a.stride), p.windows.above = static_cast<int>(a.padding);
      p.windows.left = static_cast<int>(a.side_padding());
      p.window_height = static_cast<int>(a.kernel), p.largest = node.kind == OpKind::kMaxPool;
      p.x = Value(step, node.inputs[0]), p.count = batch * elements, p.out = out;
      return Launch<gpu::PoolKernel>(step, Elements(p.count), 0, p);
    }
    default:
      throw Error(ErrorCode::kUnsupported, "device: node " + node.name,
                  std::string("has no kernel for ") + NameOf(node.kind));
  }
}

}  // namespace tmpq
