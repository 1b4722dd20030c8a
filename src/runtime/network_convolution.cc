// Convolutions on the kernels; src/graph/graph.h defines them.
#include <algorithm>

#include "src/runtime/network_call.h"
#include "src/runtime/op_times.h"

namespace tmpq {

namespace {

// Copies the windows of output rows [first, first + rows) side by side, `outside` (zero) around the
// image; `line` values an output pixel, of which the window's are the first.
template <typename T>
void GatherWindows(const Attributes& a, const ImageLayout& in, const ImageLayout& out, const T* x,
                   int64_t first, int64_t rows, int64_t line, T outside, T* windows) {
  const int64_t channels = in.channels, above = a.end_padding_only ? 0 : a.padding;
  const int64_t left = a.end_padding_only ? 0 : a.side_padding(), wide = a.window_width();
  const int64_t used = a.kernel * wide * channels;
  for (int64_t row = first; row < first + rows; ++row) {
    for (int64_t column = 0; column < out.width; ++column, windows += line) {
      T* window = windows;
      for (int64_t i = 0; i < a.kernel; ++i) {
        const int64_t y = row * a.stride + i - above;
        for (int64_t j = 0; j < wide; ++j, window += channels) {
          const int64_t z = column * a.stride + j - left;
          const bool inside = y >= 0 && y < in.height && z >= 0 && z < in.width;
          if (inside)
            std::copy_n(x + (y * in.width + z) * channels, channels, window);
          else
            std::fill_n(window, channels, outside);
        }
      }
      std::fill_n(window, line - used, T{0});
    }
  }
}

kernels::ConvolutionShape ShapeOf(const Attributes& a, const ImageLayout& in,
                                  const ImageLayout& out) {
  kernels::ConvolutionShape shape;
  shape.height = in.height, shape.width = in.width, shape.channels = in.channels;
  shape.out_height = out.height, shape.out_width = out.width, shape.outputs = out.channels;
  shape.kernel_height = a.kernel, shape.kernel_width = a.window_width(), shape.stride = a.stride;
  shape.above = a.end_padding_only ? 0 : a.padding;
  shape.left = a.end_padding_only ? 0 : a.side_padding();
  return shape;
}

// Outputs of a convolution, from a multiple of kGroupOutputs on.
void SelectOutputs(UnitRange outputs, kernels::ConvIntArgs& args) {
  args.shape.outputs = outputs.size();
  args.w_scale += outputs.begin, args.out += outputs.begin;
  if (args.w_offset != nullptr) args.w_offset += outputs.begin;
  if (args.w_sums != nullptr) args.w_sums += outputs.begin;
  if (args.bias != nullptr) args.bias += outputs.begin;
}

}  // namespace

int64_t ConvolutionScratchBytes(const Node& node, const Shape& input, bool in_parts) {
  const ImageLayout in(input), out(node.shape);
  const ProductShape product = ProductOf(node);
  const int64_t pixels = ConvolutionRowsAtOnce(out) * out.width;
  const int64_t image =
      (in_parts ? 2 : 1) * AlignedBytes(4 * in.elements()) + TransformScratchBytes(in.channels);
  const int64_t gathered = AlignedBytes(4 * pixels * product.inputs) +
                           AlignedBytes(kernels::RoundUp(in.elements(), 4)) +
                           2 * AlignedBytes(4 * pixels) + image +
                           std::max(kernels::LinearIntScratchBytes(product.outputs, product.inputs),
                                    DequantizedBytes(product.inputs));
  const int64_t whole = image +
                        AlignedBytes(kernels::PackedBytes(product.outputs, product.inputs, 8)) +
                        kernels::ConvIntScratchBytes(ShapeOf(node.attributes, in, out));
  return std::max(gathered, whole);
}

// An image has one scale: a sum over pixels has to be exact. Weight groups with scales of their own
// do not follow a window's rows: their windows are gathered. Threads have images of their own, or
// of fewer images than threads some panels of outputs: those of an image are its units.
void RuntimeNetwork::RunConv2d(const Call& call, NodeId id) const {
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  if (!binding.multiplies_integers() || binding.weights.group > 0) {
    return RunGatheredConv2d(call, id);
  }
  const Node& node = graph_.node(id);
  const ImageLayout in(graph_.node(node.inputs[0]).shape), out(node.shape);
  const ProductShape product = ProductOf(node);
  Carver scratch{call.scratch()};
  auto* moved = scratch.Take<float>(in.elements());
  auto* whole = scratch.Take<float>(call.layout(node.inputs[0]).in_parts ? in.elements() : 0);
  auto* channels = scratch.Take<uint8_t>(TransformScratchBytes(in.channels));
  auto* bytes = scratch.Take<uint8_t>(kernels::PackedBytes(product.outputs, product.inputs, 8));
  kernels::ConvIntArgs all;
  all.shape = ShapeOf(node.attributes, in, out);
  all.a_bits = binding.bits[0], all.symmetric = binding.inputs.symmetric;
  all.fixed_scale = binding.inputs.fixed_scale, all.fixed_offset = binding.inputs.fixed_offset;
  all.bits = binding.weights.bits, all.bias = bias_of_node_[id];
  all.w_scale = binding.weights.scale, all.w_offset = binding.weights.offset;
  all.w_sums = binding.weights.sums;
  all.scratch = scratch.at, all.out_stride = out.channels;
  const int64_t images = call.batch * in.images, panels = kernels::GroupsOfOutputs(out.channels);
  UnitRange unpacked;  // outputs whose weights are there
  const auto convolve = [&](int64_t image, int64_t panel, int64_t count) {
    const int64_t begin = panel * kernels::kGroupOutputs;
    const UnitRange outputs{begin, std::min(begin + count * kernels::kGroupOutputs, out.channels)};
    if (outputs != unpacked) {
      all.weights = WeightBytes(*kernels_, binding.weights, outputs, product.inputs, bytes);
      unpacked = outputs;
    }
    kernels::ConvIntArgs args = all;
    const PictureSource picture = PictureOf(call, node, image);
    args.x = picture.x, args.beside = picture.beside, args.doubled = picture.doubled;
    args.beside_channels = picture.beside_channels;
    args.out = call.value(id) + image * out.elements();
    SelectOutputs(outputs, args);
    if (binding.inputs.multiply != nullptr) {
      const NodeTimer timer(call.workspace, id, kNodeInputs);
      TransformInputRows(*kernels_, binding.inputs, WholePicture(picture, in, whole),
                         in.elements() / in.channels, in.channels, channels, moved);
      args.x = moved, args.beside = nullptr, args.beside_channels = 0, args.doubled = false;
    }
    kernels_->conv_int(args);
  };
  ForEachPeriod(call.share.Of(images * panels, images < call.share.count ? 1 : panels), panels,
                convolve);
}

// A few output rows at a time: their windows are gathered and multiplied as a linear.
void RuntimeNetwork::RunGatheredConv2d(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const ImageLayout in(graph_.node(node.inputs[0]).shape), out(node.shape);
  const ProductShape product = ProductOf(node);
  const bool integer = binding.multiplies_integers(), symmetric = binding.inputs.symmetric;
  const bool transformed = binding.inputs.multiply != nullptr;
  const int64_t at_once = ConvolutionRowsAtOnce(out), pixels = at_once * out.width;
  const int64_t line = integer ? kernels::RoundUp(product.inputs, 4) : product.inputs;
  Carver scratch{call.scratch()};
  auto* windows = scratch.Take<uint8_t>(pixels * line * (integer ? 1 : 4));
  auto* q = scratch.Take<int8_t>(kernels::RoundUp(in.elements(), 4));
  auto* scale = scratch.Take<float>(pixels);
  auto* offset = scratch.Take<int32_t>(pixels);
  auto* moved = scratch.Take<float>(transformed ? in.elements() : 0);
  auto* whole = scratch.Take<float>(call.layout(node.inputs[0]).in_parts ? in.elements() : 0);
  kernels::QuantizeRowsArgs quantize = QuantizeArgs(binding);
  quantize.rows = 1, quantize.cols = quantize.x_stride = in.elements();
  quantize.q = q, quantize.scale = scale, quantize.offset = symmetric ? nullptr : offset;
  kernels::LinearIntArgs linear = LinearArgs(binding, product, bias_of_node_[id]);
  linear.a = reinterpret_cast<int8_t*>(windows), linear.a_scale = scale;
  linear.a_offset = symmetric ? nullptr : offset, linear.out_stride = product.outputs;
  const auto make_integers = [&](const float* x) {
    const NodeTimer timer(call.workspace, id, kNodeInputs);
    quantize.x = x;
    offset[0] = 0;
    kernels_->quantize_rows(quantize);
    std::fill_n(scale, pixels, scale[0]);
    std::fill_n(offset, pixels, offset[0]);
  };
  const auto convolve = [&](int64_t image, int64_t first, int64_t lines) {
    const float* x = WholePicture(PictureOf(call, node, image), in, whole);
    if (transformed) {
      const NodeTimer timer(call.workspace, id, kNodeInputs);
      TransformInputRows(*kernels_, binding.inputs, x, in.elements() / in.channels, in.channels,
                         scratch.at, moved);
      x = moved;
    }
    if (integer) make_integers(x);
    linear.scratch = scratch.at;
    for (int64_t row = first; row < first + lines; row += at_once) {
      const int64_t rows = std::min(at_once, first + lines - row), count = rows * out.width;
      float* target = call.value(id) + image * out.elements() + row * out.width * out.channels;
      if (integer) {
        GatherWindows(node.attributes, in, out, q, row, rows, line, static_cast<int8_t>(-offset[0]),
                      reinterpret_cast<int8_t*>(windows));
        linear.m = count, linear.out = target;
        kernels_->linear_int(linear);
      } else {
        auto* gathered = reinterpret_cast<float*>(windows);
        GatherWindows(node.attributes, in, out, x, row, rows, line, 0.0f, gathered);
        const kernels::LinearF32Args floats = {
            count,          product.outputs,    product.inputs,    gathered,
            line,           panels_[id].data(), bias_of_node_[id], target,
            product.outputs};
        if (binding.weights.bits == 0) {
          kernels_->linear_f32(floats);
        } else {
          MultiplyDequantized(*kernels_, binding.weights, {0, product.outputs}, floats, scratch);
        }
      }
    }
  };
  ForEachPeriod(call.share.Of(call.batch * in.images * out.height), out.height, convolve);
}

}  // namespace tmpq
