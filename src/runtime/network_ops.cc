// What each op does on the kernels; src/graph/graph.h defines the ops.
#include <algorithm>

#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {

namespace {

// Dimension i of the result is dimension order[i] of x. The last dimension moves in one piece where
// it stays last.
void Permute(const Shape& shape, const std::vector<int64_t>& order, const float* x, float* out) {
  const size_t rank = shape.size();
  std::vector<int64_t> strides(rank, 1), index(rank, 0);
  for (size_t i = rank - 1; i > 0; --i) strides[i - 1] = strides[i] * shape[i];
  const bool whole_rows = order.back() == static_cast<int64_t>(rank) - 1;
  const int64_t piece = whole_rows ? shape.back() : 1;
  const size_t moving = whole_rows ? rank - 1 : rank;
  for (int64_t done = 0; done < ElementsOf(shape); done += piece, out += piece) {
    int64_t from = 0;
    for (size_t i = 0; i < moving; ++i) from += index[i] * strides[order[i]];
    std::copy_n(x + from, piece, out);
    for (size_t i = moving; i-- > 0;) {
      if (++index[i] < shape[order[i]]) break;
      index[i] = 0;
    }
  }
}

// Turns every head's channel pairs of x (rows, cols) by the angles (period, cols / heads): pairs of
// cosine and sine, whose rows repeat.
void Rotate(const float* x, int64_t rows, int64_t cols, const float* angles, int64_t period,
            int64_t head, float* out) {
  for (int64_t row = 0; row < rows; ++row) {
    const float* turn = angles + row % period * head;
    for (int64_t at = 0; at < cols; at += 2, x += 2, out += 2) {
      const float cosine = turn[at % head], sine = turn[at % head + 1];
      out[0] = x[0] * cosine - x[1] * sine;
      out[1] = x[1] * cosine + x[0] * sine;
    }
  }
}

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

kernels::QuantizeRowsArgs QuantizeArgs(const ActivePolicy::NodeBinding& binding) {
  kernels::QuantizeRowsArgs args;
  args.bits = binding.bits[0];
  args.fixed_scale = binding.inputs.fixed_scale, args.fixed_offset = binding.inputs.fixed_offset;
  args.fixed_rows = binding.inputs.fixed_rows;
  return args;
}

kernels::LinearIntArgs LinearArgs(const ActivePolicy::NodeBinding& binding,
                                  const ProductShape& product, const float* bias) {
  const PackedWeightView& weights = binding.weights;
  kernels::LinearIntArgs args;
  args.n = product.outputs, args.k = product.inputs, args.bias = bias;
  args.weights = weights.data, args.bits = weights.bits, args.stored_bits = weights.stored_bits;
  args.w_scale = weights.scale, args.w_offset = weights.offset, args.w_sums = weights.sums;
  args.group = weights.group;
  return args;
}

// Rows through a layer's balancing and rotation; `scratch` (channels) floats.
void Transform(const kernels::KernelSet& kernels, const LayerInputView& inputs, const float* x,
               int64_t rows, int64_t channels, uint8_t* scratch, float* out) {
  kernels::TransformRowsArgs args;
  args.x = x, args.rows = rows, args.cols = args.x_stride = channels;
  args.multiply = inputs.multiply, args.out = out;
  args.scratch = reinterpret_cast<float*>(scratch);
  if (inputs.rotation != nullptr) {
    args.rotate = true, args.order = inputs.rotation->order;
    if (args.order > 1) args.matrix = inputs.rotation->matrix.data();
  }
  kernels.transform_rows(args);
}

// out += (x down') up', a few rows at a time; `moved`: (kTransformRows, K).
void AddFloatBranch(const kernels::KernelSet& kernels, const LayerInputView& inputs,
                    const ProductShape& product, const float* x, int64_t rows, float* moved,
                    Carver scratch, float* out) {
  auto* middle = scratch.Take<float>(kTransformRows * inputs.low_rank);
  auto* added = scratch.Take<float>(kTransformRows * product.outputs);
  for (int64_t row = 0; row < rows; row += kTransformRows) {
    const int64_t count = std::min(kTransformRows, rows - row);
    const float* from = x + row * product.inputs;
    if (inputs.multiply != nullptr) {
      Transform(kernels, inputs, from, count, product.inputs, scratch.at, moved);
      from = moved;
    }
    kernels.linear_f32({count, inputs.low_rank, product.inputs, from, product.inputs, inputs.down,
                        nullptr, middle, inputs.low_rank});
    kernels.linear_f32({count, product.outputs, inputs.low_rank, middle, inputs.low_rank, inputs.up,
                        nullptr, added, product.outputs});
    float* to = out + row * product.outputs;
    kernels.add(to, added, count * product.outputs, to);
  }
}

// Output (channels) of a window from row `top` and column `left` on: over its pixels within x,
// row by row, the largest value or the mean.
void PoolWindow(const Attributes& a, const ImageLayout& in, const float* x, int64_t top,
                int64_t left, bool largest, float* out) {
  const int64_t channels = in.channels;
  const int64_t first_row = std::max<int64_t>(top, 0), first = std::max<int64_t>(left, 0);
  const int64_t end_row = std::min(top + a.kernel, in.height);
  const int64_t end = std::min(left + a.window_width(), in.width);
  std::copy_n(x + (first_row * in.width + first) * channels, channels, out);
  for (int64_t y = first_row; y < end_row; ++y) {
    for (int64_t z = y == first_row ? first + 1 : first; z < end; ++z) {
      const float* pixel = x + (y * in.width + z) * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const float value = pixel[c];
        if (largest)
          out[c] = value > out[c] || value != value ? value : out[c];  // NaN stays
        else
          out[c] += value;
      }
    }
  }
  if (largest) return;
  const auto pixels = static_cast<float>((end_row - first_row) * (end - first));
  for (int64_t c = 0; c < channels; ++c) out[c] /= pixels;
}

}  // namespace

void RuntimeNetwork::RunLinear(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const int64_t rows = call.batch * product.rows;
  const float* x = call.input(node, 0);
  if (binding.weights.bits == 0) {
    kernels_->linear_f32({rows, product.outputs, product.inputs, x, product.inputs,
                          panels_[id].data(), bias_of_node_[id], call.value(id), product.outputs});
    return;
  }
  RunIntegerLinear(call, id);
}

void RuntimeNetwork::RunIntegerLinear(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ProductShape product = ProductOf(node);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const LayerInputView& inputs = binding.inputs;
  const int64_t rows = call.batch * product.rows;
  Carver scratch{call.workspace.scratch.data()};
  const int64_t stride = kernels::RoundUp(product.inputs, 4);
  auto* q = scratch.Take<int8_t>(rows * stride);
  auto* scale = scratch.Take<float>(rows);
  auto* offset = scratch.Take<int32_t>(rows);
  const float* x = call.input(node, 0);
  const bool transformed = inputs.multiply != nullptr;
  const int64_t at_once = transformed ? kTransformRows : rows;
  auto* moved = scratch.Take<float>(kTransformRows * product.inputs);
  kernels::QuantizeRowsArgs quantize = QuantizeArgs(binding);
  quantize.cols = quantize.x_stride = product.inputs;
  for (int64_t row = 0; row < rows; row += at_once) {
    quantize.x = x + row * product.inputs;
    quantize.rows = std::min(at_once, rows - row);
    if (transformed) {
      Transform(*kernels_, inputs, quantize.x, quantize.rows, product.inputs, scratch.at, moved);
      quantize.x = moved;
    }
    quantize.q = q + row * stride, quantize.scale = scale + row;
    if (!inputs.symmetric) quantize.offset = offset + row;
    // Static scales of positions: rows begin anywhere.
    quantize.fixed_first = row;
    kernels_->quantize_rows(quantize);
  }
  kernels::LinearIntArgs linear = LinearArgs(binding, product, bias_of_node_[id]);
  linear.m = rows, linear.a = q, linear.a_scale = scale;
  linear.a_offset = inputs.symmetric ? nullptr : offset;
  linear.out = call.value(id), linear.out_stride = product.outputs, linear.scratch = scratch.at;
  kernels_->linear_int(linear);
  if (inputs.low_rank > 0)
    AddFloatBranch(*kernels_, inputs, product, x, rows, moved, scratch, linear.out);
  for (int64_t sample = 0; inputs.first_row != nullptr && sample < call.batch; ++sample) {
    std::copy_n(inputs.first_row, product.outputs,
                linear.out + sample * product.rows * product.outputs);
  }
}

// A few output rows at a time: their windows are gathered and multiplied as a linear. In integers
// an image has one scale: a sum over pixels has to be exact.
void RuntimeNetwork::RunConv2d(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const ImageLayout in(graph_.node(node.inputs[0]).shape), out(node.shape);
  const ProductShape product = ProductOf(node);
  const bool integer = binding.weights.bits != 0, symmetric = binding.inputs.symmetric;
  const int64_t at_once = ConvolutionRowsAtOnce(out), pixels = at_once * out.width;
  const int64_t line = integer ? kernels::RoundUp(product.inputs, 4) : product.inputs;
  Carver scratch{call.workspace.scratch.data()};
  auto* windows = scratch.Take<uint8_t>(pixels * line * (integer ? 1 : 4));
  auto* q = scratch.Take<int8_t>(kernels::RoundUp(in.elements(), 4));
  auto* scale = scratch.Take<float>(pixels);
  auto* offset = scratch.Take<int32_t>(pixels);
  auto* moved = scratch.Take<float>(integer ? in.elements() : 0);
  kernels::QuantizeRowsArgs quantize = QuantizeArgs(binding);
  quantize.rows = 1, quantize.cols = quantize.x_stride = in.elements();
  quantize.q = q, quantize.scale = scale, quantize.offset = symmetric ? nullptr : offset;
  kernels::LinearIntArgs linear = LinearArgs(binding, product, bias_of_node_[id]);
  linear.a = reinterpret_cast<int8_t*>(windows), linear.a_scale = scale;
  linear.a_offset = symmetric ? nullptr : offset, linear.out_stride = product.outputs;
  for (int64_t image = 0; image < call.batch * in.images; ++image) {
    const float* x = call.input(node, 0) + image * in.elements();
    float* y = call.value(id) + image * out.elements();
    offset[0] = 0;
    if (integer) {
      quantize.x = x;
      if (binding.inputs.multiply != nullptr) {
        Transform(*kernels_, binding.inputs, x, in.elements() / in.channels, in.channels,
                  scratch.at, moved);
        quantize.x = moved;
      }
      kernels_->quantize_rows(quantize);
      std::fill_n(scale, pixels, scale[0]);
      std::fill_n(offset, pixels, offset[0]);
    }
    linear.scratch = scratch.at;
    for (int64_t row = 0; row < out.height; row += at_once) {
      const int64_t rows = std::min(at_once, out.height - row), count = rows * out.width;
      float* target = y + row * out.width * out.channels;
      if (integer) {
        GatherWindows(node.attributes, in, out, q, row, rows, line, static_cast<int8_t>(-offset[0]),
                      reinterpret_cast<int8_t*>(windows));
        linear.m = count, linear.out = target;
        kernels_->linear_int(linear);
      } else {
        auto* gathered = reinterpret_cast<float*>(windows);
        GatherWindows(node.attributes, in, out, x, row, rows, line, 0.0f, gathered);
        kernels_->linear_f32({count, product.outputs, product.inputs, gathered, line,
                              panels_[id].data(), bias_of_node_[id], target, product.outputs});
      }
    }
  }
}

void RuntimeNetwork::RunAttention(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const ActivePolicy::NodeBinding& binding = call.policy.nodes[id];
  const Shape& k_shape = graph_.node(node.inputs[1]).shape;
  const auto stride = [&](int i) { return call.layout(node.inputs[i]).row_stride; };
  kernels::AttentionArgs args;
  args.queries = node.shape[node.shape.size() - 2], args.keys = k_shape[k_shape.size() - 2];
  args.heads = node.attributes.heads, args.head_dim = node.shape.back() / args.heads;
  args.q_stride = stride(0), args.k_stride = stride(1), args.v_stride = stride(2);
  args.q_bits = binding.bits[0], args.k_bits = binding.bits[1], args.v_bits = binding.bits[2];
  args.softmax_bits = binding.bits[3];
  args.out_stride = node.shape.back();
  args.scratch = call.workspace.scratch.data();
  args.score_scale = static_cast<float>(node.attributes.score_scale);
  args.causal = node.attributes.causal;
  const size_t extra = node.inputs.size() - 3, biases = node.attributes.score_bias ? 1 : 0;
  // Attentions per sample; keys and values may be shared by all of them.
  const int64_t groups = call.layout(id).rows / args.queries;
  const int64_t key_groups = call.layout(node.inputs[1]).rows / args.keys;
  for (int64_t i = 0; i < call.batch * groups; ++i) {
    const int64_t key_group = i / groups * key_groups + (key_groups == 1 ? 0 : i % groups);
    args.q = call.input(node, 0) + i * args.queries * args.q_stride;
    args.k = call.input(node, 1) + key_group * args.keys * args.k_stride;
    args.v = call.input(node, 2) + key_group * args.keys * args.v_stride;
    if (extra > biases) args.mask = call.input(node, 3) + i / groups * args.keys;
    if (biases > 0) {
      args.bias = call.input(node, 2 + extra) + i / groups * args.heads * args.queries * args.keys;
    }
    args.out = call.value(id) + i * args.queries * args.out_stride;
    (binding.bits[0] == 0 ? kernels_->attention_f32 : kernels_->attention_int)(args);
  }
}

void RuntimeNetwork::RunRows(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const int64_t batch = call.batch, rows = call.layout(id).rows, cols = call.layout(id).cols;
  const int64_t count = batch * rows * cols;
  const float* x = call.input(node, 0);
  float* out = call.value(id);
  const auto side = [&](int i) { return call.input(node, i); };
  const auto stride = [&](int i) { return call.layout(node.inputs[i]).row_stride; };
  // Applies `function` to x and a second operand that repeats within a sample.
  const auto RepeatOver = [&](auto function, const float* y, const ValueLayout& y_layout,
                              bool per_sample) {
    const int64_t period = y_layout.rows * y_layout.cols, repeats = rows * cols / period;
    for (int64_t i = 0; i < batch * repeats; ++i) {
      function(x + i * period, y + (per_sample ? i / repeats * period : 0), period,
               out + i * period);
    }
  };
  switch (node.kind) {
    case OpKind::kLayerNorm:
      return kernels_->layer_norm({x, batch * rows, cols,
                                   static_cast<float>(node.attributes.epsilon), weight_of_node_[id],
                                   bias_of_node_[id], out});
    case OpKind::kGroupNorm:
      for (int64_t b = 0; b < batch; ++b) {
        kernels_->group_norm({x + b * rows * cols, rows, cols, node.attributes.groups,
                              static_cast<float>(node.attributes.epsilon), weight_of_node_[id],
                              bias_of_node_[id], out + b * rows * cols});
      }
      return;
    case OpKind::kModulate:
      return kernels_->modulate(
          {x, batch, rows, cols, side(1), side(2), stride(1), stride(2), out});
    case OpKind::kGatedAdd:
      return kernels_->gated_add({x, side(2), batch, rows, cols, side(1), stride(1), out});
    case OpKind::kAdd:
      return RepeatOver(kernels_->add, side(1), call.layout(node.inputs[1]), true);
    case OpKind::kMultiply:
      return RepeatOver(kernels_->multiply, side(1), call.layout(node.inputs[1]), true);
    case OpKind::kAddParameter: {
      const int64_t elements = ElementsOf(node.parameters.at("weight"));
      return RepeatOver(kernels_->add, weight_of_node_[id], {.cols = elements}, false);
    }
    case OpKind::kScale:
      return kernels_->scale(x, count, static_cast<float>(node.attributes.factor), out);
    case OpKind::kGeluErf:
      return kernels_->gelu_erf(x, count, out);
    case OpKind::kSilu:
      return kernels_->silu(x, count, out);
    case OpKind::kGelu:
      return kernels_->gelu_tanh(x, count, out);
    case OpKind::kQuickGelu:
      return kernels_->quick_gelu(x, count, out);
    case OpKind::kRmsNorm:
      return kernels_->rms_norm({x, batch * rows, cols, static_cast<float>(node.attributes.epsilon),
                                 weight_of_node_[id], nullptr, out});
    case OpKind::kRotary: {
      const int64_t tokens = node.shape[node.shape.size() - 2], head = cols / node.attributes.heads;
      for (int64_t b = 0; b < batch; ++b) {
        Rotate(x + b * rows * cols, rows, cols, side(1) + b * tokens * head, tokens, head,
               out + b * rows * cols);
      }
      return;
    }
    case OpKind::kMeanPool:
      for (int64_t b = 0; b < batch; ++b) {
        const int64_t pixels = call.layout(node.inputs[0]).rows;
        kernels_->mean_rows({x + b * pixels * cols, pixels, cols, out + b * cols});
      }
      return;
    default:
      TMPQ_CHECK(false, "not a row function: " + node.name);
  }
}

void RuntimeNetwork::RunLayout(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  float* out = call.value(id);
  switch (node.kind) {
    case OpKind::kSlice: {
      const ValueLayout& source = call.layout(node.inputs[0]);
      const float* x = call.input(node, 0) + a.offset;
      for (int64_t row = 0; row < call.rows(id); ++row) {
        std::copy_n(x + row * source.row_stride, a.size, out + row * a.size);
      }
      return;
    }
    case OpKind::kPatchify:
    case OpKind::kUnpatchify: {
      const bool forward = node.kind == OpKind::kPatchify;
      const ImageLayout image(forward ? graph_.node(node.inputs[0]).shape : node.shape);
      const int64_t line = a.patch * image.channels, elements = image.elements();
      const float* x = call.input(node, 0);
      for (int64_t b = 0; b < call.batch * image.images; ++b, x += elements, out += elements) {
        int64_t at = 0;  // in the patches
        for (int64_t y = 0; y < image.height; y += a.patch) {
          for (int64_t z = 0; z < image.width; z += a.patch) {
            for (int64_t i = 0; i < a.patch; ++i, at += line) {
              const int64_t pixel = ((y + i) * image.width + z) * image.channels;
              if (forward)
                std::copy_n(x + pixel, line, out + at);
              else
                std::copy_n(x + at, line, out + pixel);
            }
          }
        }
      }
      return;
    }
    case OpKind::kTimestepEmbedding:
      for (int64_t row = 0; row < call.rows(id); ++row) {
        kernels_->timestep_embedding({call.input(node, 0)[row], a.features,
                                      static_cast<float>(a.frequency_shift), a.sin_first,
                                      out + row * a.features});
      }
      return;
    case OpKind::kLabelEmbedding:
      for (int64_t row = 0; row < call.rows(id); ++row) {
        const int32_t label = call.integers(node, 0)[row];
        TMPQ_CHECK(label >= 0 && label < a.size, "label outside the table");
        std::copy_n(weight_of_node_[id] + label * a.features, a.features, out + row * a.features);
      }
      return;
    case OpKind::kParameter: {
      const int64_t elements = ElementsOf(node.shape);
      for (int64_t b = 0; b < call.batch; ++b) {
        std::copy_n(weight_of_node_[id], elements, out + b * elements);
      }
      return;
    }
    case OpKind::kSelectRow: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      for (int64_t b = 0; b < call.batch; ++b, out += in[1]) {
        const int32_t row = call.integers(node, 1)[b];
        TMPQ_CHECK(row >= 0 && row < in[0], "row outside the tokens");
        std::copy_n(call.input(node, 0) + (b * in[0] + row) * in[1], in[1], out);
      }
      return;
    }
    case OpKind::kConcat: {
      int64_t begin = 0;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const int64_t part = call.layout(node.inputs[i]).cols;
        const float* x = call.input(node, i);
        for (int64_t row = 0; row < call.rows(id); ++row) {
          std::copy_n(x + row * part, part, out + row * node.shape.back() + begin);
        }
        begin += part;
      }
      return;
    }
    case OpKind::kReshape:
      std::copy_n(call.input(node, 0), call.batch * ElementsOf(node.shape), out);
      return;
    case OpKind::kPermute: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      for (int64_t b = 0; b < call.batch; ++b) {
        Permute(in, a.dims, call.input(node, 0) + b * ElementsOf(in), out + b * ElementsOf(in));
      }
      return;
    }
    case OpKind::kRelu: {
      const float* x = call.input(node, 0);
      const int64_t count = call.batch * ElementsOf(node.shape);
      for (int64_t i = 0; i < count; ++i) out[i] = x[i] < 0 ? 0.0f : x[i];  // NaN stays
      return;
    }
    case OpKind::kMaxPool:
    case OpKind::kAveragePool: {
      const ImageLayout from(graph_.node(node.inputs[0]).shape), to(node.shape);
      const float* x = call.input(node, 0);
      for (int64_t image = 0; image < call.batch * to.images; ++image, x += from.elements()) {
        for (int64_t row = 0; row < to.height; ++row) {
          for (int64_t column = 0; column < to.width; ++column, out += to.channels) {
            PoolWindow(a, from, x, row * a.stride - a.padding, column * a.stride - a.side_padding(),
                       node.kind == OpKind::kMaxPool, out);
          }
        }
      }
      return;
    }
    case OpKind::kReplaceRows: {
      const int64_t rows = call.layout(id).rows, cols = call.layout(id).cols;
      const int64_t tokens = node.shape[node.shape.size() - 2];
      for (int64_t row = 0; row < call.rows(id); ++row) {
        const float kept = call.input(node, 1)[row / rows * tokens + row % tokens];
        std::copy_n(call.input(node, kept != 0 ? 0 : 2) + row * cols, cols, out + row * cols);
      }
      return;
    }
    case OpKind::kUpsample: {
      const ImageLayout image(graph_.node(node.inputs[0]).shape);
      const int64_t line = image.width * image.channels;
      const float* x = call.input(node, 0);
      for (int64_t row = 0; row < call.batch * image.images * image.height; ++row, x += line) {
        for (int64_t z = 0; z < image.width; ++z) {
          for (int copy = 0; copy < 2; ++copy, out += image.channels) {
            std::copy_n(x + z * image.channels, image.channels, out);
          }
        }
        std::copy_n(out - 2 * line, 2 * line, out);
        out += 2 * line;
      }
      return;
    }
    default:
      TMPQ_CHECK(false, "not a layout function: " + node.name);
  }
}

}  // namespace tmpq
