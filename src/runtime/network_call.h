// Private to RuntimeNetwork: one Run's pointers, and sizes that planning and running share.
#pragma once

#include <algorithm>
#include <span>

#include "src/runtime/call_share.h"
#include "src/runtime/network.h"

namespace tmpq {

inline int64_t AlignedBytes(int64_t bytes) {
  constexpr int64_t kAlignmentBytes = 64;
  return kernels::RoundUp(bytes, kAlignmentBytes);
}

// Rows and inner dimension of the matrix product that a linear or convolution is, per sample.
struct ProductShape {
  int64_t rows, inputs, outputs;
};
inline ProductShape ProductOf(const Node& node) {
  const Shape& weight = node.parameters.at("weight");
  const int64_t outputs = weight[0];
  return {ElementsOf(node.shape) / outputs, ElementsOf(weight) / outputs, outputs};
}

inline bool HasWeightPanels(const Node& node) {
  return node.kind == OpKind::kLinear || node.kind == OpKind::kConv2d;
}

// Rows of a linear that are transformed at a time, before they are quantized.
constexpr int64_t kTransformRows = 64;
inline int64_t TransformScratchBytes(int64_t channels) {
  return AlignedBytes(4 * kernels::kTransformScratchRows * channels);
}
// Scratch of that: rows of inputs, of a float branch's middle (no wider) and of its outputs.
inline int64_t TransformBytes(const ProductShape& product) {
  return 2 * AlignedBytes(4 * kTransformRows * product.inputs) +
         TransformScratchBytes(product.inputs) + AlignedBytes(4 * kTransformRows * product.outputs);
}

// Height, width and channels: the last three dimensions; how many such images a sample has.
struct ImageLayout {
  int64_t height, width, channels, images;

  explicit ImageLayout(const Shape& shape)
      : height(shape[shape.size() - 3]),
        width(shape[shape.size() - 2]),
        channels(shape.back()),
        images(ElementsOf(shape) / elements()) {}
  int64_t elements() const { return height * width * channels; }
};

// Rows of a convolution's matrix product that are gathered at a time: whole output rows, about
// this many pixels.
constexpr int64_t kConvolutionPixels = 256;
inline int64_t ConvolutionRowsAtOnce(const ImageLayout& out) {
  return std::clamp<int64_t>(kConvolutionPixels / out.width, 1, out.height);
}

// Rows of a linear whose inputs are integers at a time: those of a wide layer stay in the second
// cache, and unpacking weights again for the next rows is still nothing.
constexpr int64_t kLinearRows = 1008;
// Of a step that runs by rows: its values stay in the second cache, where that leaves enough rows
// to unpack weights for.
constexpr int64_t kBlockBytes = 1 << 20, kFewestBlockRows = 144;
// What is done to rows between two linears is done to a few of them at a time, a multiple of
// kStripRows: the widest value of these stays in the first cache.
constexpr int64_t kStripBytes = 24 << 10, kStripRows = 16;
// Values of as many samples at a time stay in the second cache too.
constexpr int64_t kArenaBytes = 1 << 20;

// Outputs of a layer whose weights become floats at a time, for rows that stay floats.
constexpr int64_t kDequantizedOutputs = 2 * kernels::kGroupOutputs;
inline int64_t DequantizedBytes(int64_t inputs) {
  return AlignedBytes(kernels::PackedBytes(kDequantizedOutputs, inputs, 8)) +
         AlignedBytes(4 * kernels::FloatPanelElements(kDequantizedOutputs, inputs));
}

struct RuntimeNetwork::ProductPart {
  UnitRange rows, columns;
};

// The integers that a thread made last: of which rows of which value, and how.
struct MadeIntegers {
  NodeId value = -1;  // -1: none
  UnitRange rows;
  int bits = 0;
  LayerInputView how;

  bool operator==(const MadeIntegers&) const = default;
};

// The integers of a linear's inputs in a thread's scratch.
struct LinearIntegers {
  int8_t* q;  // (rows, stride)
  int64_t stride;
  float* scale;
  int32_t* offset;
  float* moved;   // (kTransformRows, inputs)
  uint8_t* rest;  // of the scratch
};

// Of one thread.
struct RuntimeNetwork::Call {
  const ActivePolicy& policy;
  UnitRange samples;  // whose turn it is: below, rows count from the first of them
  int64_t all_samples;
  float* output;  // of all samples
  Workspace& workspace;
  const RuntimeNetwork& network;
  const MemoryPlan& memory;
  float* arena;
  CallShare share;
  bool has_constants = false;  // from the call before
  int64_t batch = samples.size();

  // In a step that runs by rows: the rows of its moment, how many there may be, and those of them
  // whose turn it is.
  UnitRange block = {};
  int64_t block_rows = 0;  // 0: no such step
  UnitRange strip = {};
  MadeIntegers integers_made = {};

  uint8_t* scratch() const {
    return workspace.scratch.data() + share.index * workspace.scratch_bytes;
  }
  float* block_memory() const {
    return reinterpret_cast<float*>(scratch() + workspace.scratch_bytes - workspace.block_bytes);
  }

  const ValueLayout& layout(NodeId id) const { return memory.values[id]; }
  // The rows of a node that are this thread's to make now.
  UnitRange rows(NodeId id) const {
    return block_rows > 0 ? strip : share.Of(batch * layout(id).rows);
  }
  float* row(NodeId id, int64_t row) const {
    const ValueLayout& layout = memory.values[id];
    const int64_t of_all = samples.begin * layout.rows + row;
    if (layout.buffer == network.graph_.output()) {
      return output + layout.offset + of_all * layout.row_stride;
    }
    const int64_t kept = memory.kept_offset[layout.buffer];
    if (kept >= 0) {
      return workspace.constants.data() + kept * all_samples + layout.offset +
             of_all * layout.row_stride;
    }
    const int64_t in_block = memory.block_offset[layout.buffer];
    if (in_block >= 0) {
      return block_memory() + in_block * block_rows + layout.offset +
             (row - block.begin) * layout.row_stride;
    }
    return arena + memory.arena_offset[layout.buffer] * batch + layout.offset +
           row * layout.row_stride;
  }
  const float* input_row(const Node& node, size_t operand, int64_t at) const {
    const NodeId id = node.inputs[operand];
    if (layout(id).buffer >= 0) return row(id, at);
    return static_cast<const float*>(workspace.inputs[id]) +
           (samples.begin * layout(id).rows + at) * layout(id).row_stride;
  }
  // The first row.
  float* value(NodeId id) const { return row(id, 0); }
  const float* input(const Node& node, size_t operand) const { return input_row(node, operand, 0); }
  // Where the integers of up to `rows` rows of a linear's input are.
  LinearIntegers IntegersOf(NodeId linear, int64_t rows) const;
  // Makes those of rows [first, first + count), the first of which is row `at` there.
  void MakeIntegers(NodeId linear, int64_t first, int64_t count, int64_t at,
                    const LinearIntegers& integers) const;
  // What the layer says of the first token, for whole rows [range) of its output.
  void ReplaceFirstRows(NodeId linear, UnitRange range) const;
  // Functions of rows, strip by strip of the block, and the integers of `linear` (-1: none), which
  // comes after them.
  void RunStrips(std::span<const NodeId> nodes, NodeId linear);

  const int32_t* integers(const Node& node, size_t operand) const {
    const NodeId id = node.inputs[operand];
    return static_cast<const int32_t*>(workspace.inputs[id]) +
           samples.begin * ElementsOf(network.graph_.node(id).shape);
  }
};

// Hands out aligned parts of a scratch.
struct Carver {
  uint8_t* at;

  template <typename T>
  T* Take(int64_t count) {
    auto* part = reinterpret_cast<T*>(at);
    at += AlignedBytes(count * static_cast<int64_t>(sizeof(T)));
    return part;
  }
};

inline kernels::QuantizeRowsArgs QuantizeArgs(const ActivePolicy::NodeBinding& binding) {
  kernels::QuantizeRowsArgs args;
  args.bits = binding.bits[0];
  args.fixed_scale = binding.inputs.fixed_scale, args.fixed_offset = binding.inputs.fixed_offset;
  args.fixed_rows = binding.inputs.fixed_rows;
  return args;
}

inline kernels::LinearIntArgs LinearArgs(const ActivePolicy::NodeBinding& binding,
                                         const ProductShape& product, const float* bias) {
  const PackedWeightView& weights = binding.weights;
  kernels::LinearIntArgs args;
  args.n = product.outputs, args.k = product.inputs, args.bias = bias;
  args.weights = weights.data, args.bits = weights.bits, args.a_bits = binding.bits[0];
  args.stored_bits = weights.stored_bits;
  args.w_scale = weights.scale, args.w_offset = weights.offset, args.w_sums = weights.sums;
  args.group = weights.group;
  return args;
}

// Weights of some outputs, from a multiple of kGroupOutputs on, as bytes: of 8 bits where they are
// stored, others unpacked into `bytes`.
const uint8_t* WeightBytes(const kernels::KernelSet& kernels, const PackedWeightView& weights,
                           UnitRange outputs, int64_t inputs, uint8_t* bytes);

// Float products with the values that the weights of `outputs` (from a multiple of kGroupOutputs
// on) stand for. `linear`: of all outputs, without panels. `scratch`: DequantizedBytes.
void MultiplyDequantized(const kernels::KernelSet& kernels, const PackedWeightView& weights,
                         UnitRange outputs, const kernels::LinearF32Args& linear, Carver scratch);

// Rows through a layer's balancing and rotation; `scratch`: TransformScratchBytes.
void TransformInputRows(const kernels::KernelSet& kernels, const LayerInputView& inputs,
                        const float* x, int64_t rows, int64_t channels, uint8_t* scratch,
                        float* out);

// A picture that a node reads, as it lies in memory: channels of `beside` follow those of x, or x
// is `doubled` (ConvIntArgs).
struct PictureSource {
  const float *x = nullptr, *beside = nullptr;
  int64_t beside_channels = 0;
  bool doubled = false;

  bool in_parts() const { return beside != nullptr || doubled; }
};
// Picture `at` of the first operand of `reader`.
PictureSource PictureOf(const RuntimeNetwork::Call& call, const Node& reader, int64_t at);
// All of it in one piece; `whole` is memory for that where it is in parts.
const float* WholePicture(const PictureSource& source, const ImageLayout& in, float* whole);

// `in_parts`: what is read may be.
int64_t ConvolutionScratchBytes(const Node& node, const Shape& input, bool in_parts);

}  // namespace tmpq
