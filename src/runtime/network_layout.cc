// Ops that move rows and channels, and pools; src/graph/graph.h defines them.
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
