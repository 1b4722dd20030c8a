// Ops that move rows and channels, and pools; src/graph/graph.h defines them.
#include <algorithm>
#include <array>

#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {

namespace {

constexpr int64_t kLineFloats = 16;  // of a cache line, which no two threads write
constexpr size_t kMaxRank = 6;       // of what is permuted, as graphs have it

// Dimension i of the result is dimension order[i] of x.
class Permutation {
 public:
  Permutation(const Shape& shape, const std::vector<int64_t>& order)
      : shape_(shape), order_(order) {
    TMPQ_CHECK(shape.size() <= kMaxRank, "more dimensions than a graph may have");
    strides_[shape.size() - 1] = 1;
    for (size_t i = shape.size() - 1; i > 0; --i) strides_[i - 1] = strides_[i] * shape[i];
    const bool whole_rows = order.back() == static_cast<int64_t>(shape.size()) - 1;
    piece_ = whole_rows ? shape.back() : 1;
    moving_ = whole_rows ? shape.size() - 1 : shape.size();
  }
  // The last dimension moves in one piece where it stays last.
  int64_t pieces() const { return ElementsOf(shape_) / piece_; }
  // Pieces [first, first + count) of the result; `x` and `out`: all of a sample.
  void Move(const float* x, int64_t first, int64_t count, float* out) const {
    std::array<int64_t, kMaxRank> index = {};
    int64_t left = first;
    for (size_t i = moving_; i-- > 0; left /= shape_[order_[i]])
      index[i] = left % shape_[order_[i]];
    for (int64_t at = first; at < first + count; ++at) {
      int64_t from = 0;
      for (size_t i = 0; i < moving_; ++i) from += index[i] * strides_[order_[i]];
      std::copy_n(x + from, piece_, out + at * piece_);
      for (size_t i = moving_; i-- > 0;) {
        if (++index[i] < shape_[order_[i]]) break;
        index[i] = 0;
      }
    }
  }

 private:
  const Shape& shape_;
  const std::vector<int64_t>& order_;
  std::array<int64_t, kMaxRank> strides_ = {};
  int64_t piece_ = 1;
  size_t moving_ = 0;
};

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

// Patches of images and back: rows [first, first + count) of patches of one image.
void MovePatches(const ImageLayout& image, int64_t patch, bool forward, const float* x,
                 int64_t first, int64_t count, float* out) {
  const int64_t line = patch * image.channels;
  int64_t at = first * patch * image.width * image.channels;  // in the patches
  for (int64_t y = first * patch; y < (first + count) * patch; y += patch) {
    for (int64_t z = 0; z < image.width; z += patch) {
      for (int64_t i = 0; i < patch; ++i, at += line) {
        const int64_t pixel = ((y + i) * image.width + z) * image.channels;
        if (forward)
          std::copy_n(x + pixel, line, out + at);
        else
          std::copy_n(x + at, line, out + pixel);
      }
    }
  }
}

}  // namespace

void RuntimeNetwork::RunLayout(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const Attributes& a = node.attributes;
  const UnitRange rows = call.rows(id), samples = call.share.Of(call.batch);
  float* const out = call.block_rows > 0 ? nullptr : call.value(id);  // else see `rows`
  switch (node.kind) {
    case OpKind::kSlice: {
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        std::copy_n(call.input_row(node, 0, row) + a.offset, a.size, call.row(id, row));
      }
      return;
    }
    case OpKind::kPatchify:
    case OpKind::kUnpatchify: {
      const bool forward = node.kind == OpKind::kPatchify;
      const ImageLayout image(forward ? graph_.node(node.inputs[0]).shape : node.shape);
      const int64_t patch_rows = image.height / a.patch;
      const float* x = call.input(node, 0);
      const auto move = [&](int64_t i, int64_t first, int64_t count) {
        MovePatches(image, a.patch, forward, x + i * image.elements(), first, count,
                    out + i * image.elements());
      };
      return ForEachPeriod(call.share.Of(call.batch * image.images * patch_rows), patch_rows, move);
    }
    case OpKind::kTimestepEmbedding:
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        kernels_->timestep_embedding({call.input(node, 0)[row], a.features,
                                      static_cast<float>(a.frequency_shift), a.sin_first,
                                      out + row * a.features});
      }
      return;
    case OpKind::kLabelEmbedding:
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const int32_t label = call.integers(node, 0)[row];
        TMPQ_CHECK(label >= 0 && label < a.size, "label outside the table");
        std::copy_n(weight_of_node_[id] + label * a.features, a.features, out + row * a.features);
      }
      return;
    case OpKind::kParameter: {
      const int64_t elements = ElementsOf(node.shape);
      for (int64_t b = samples.begin; b < samples.end; ++b) {
        std::copy_n(weight_of_node_[id], elements, out + b * elements);
      }
      return;
    }
    case OpKind::kSelectRow: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      for (int64_t b = samples.begin; b < samples.end; ++b) {
        const int32_t row = call.integers(node, 1)[b];
        TMPQ_CHECK(row >= 0 && row < in[0], "row outside the tokens");
        std::copy_n(call.input(node, 0) + (b * in[0] + row) * in[1], in[1], out + b * in[1]);
      }
      return;
    }
    case OpKind::kConcat: {
      int64_t begin = 0;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const int64_t part = call.layout(node.inputs[i]).cols;
        for (int64_t row = rows.begin; row < rows.end; ++row) {
          std::copy_n(call.input_row(node, i, row), part, call.row(id, row) + begin);
        }
        begin += part;
      }
      return;
    }
    case OpKind::kReshape: {
      const UnitRange part = call.share.Of(call.batch * ElementsOf(node.shape), kLineFloats);
      std::copy_n(call.input(node, 0) + part.begin, part.size(), out + part.begin);
      return;
    }
    case OpKind::kPermute: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      const Permutation permutation(in, a.dims);
      const int64_t pieces = permutation.pieces(), elements = ElementsOf(in);
      const auto move = [&](int64_t b, int64_t first, int64_t count) {
        permutation.Move(call.input(node, 0) + b * elements, first, count, out + b * elements);
      };
      return ForEachPeriod(call.share.Of(call.batch * pieces), pieces, move);
    }
    case OpKind::kRelu: {
      const float* x = call.input_row(node, 0, rows.begin);
      float* y = call.row(id, rows.begin);
      const int64_t count = rows.size() * call.layout(id).cols;
      for (int64_t i = 0; i < count; ++i) y[i] = x[i] < 0 ? 0.0f : x[i];  // NaN stays
      return;
    }
    case OpKind::kMaxPool:
    case OpKind::kAveragePool: {
      const ImageLayout from(graph_.node(node.inputs[0]).shape), to(node.shape);
      const auto pool = [&](int64_t image, int64_t first, int64_t count) {
        const float* x = call.input(node, 0) + image * from.elements();
        float* pixel = out + image * to.elements() + first * to.width * to.channels;
        for (int64_t row = first; row < first + count; ++row) {
          for (int64_t column = 0; column < to.width; ++column, pixel += to.channels) {
            PoolWindow(a, from, x, row * a.stride - a.padding, column * a.stride - a.side_padding(),
                       node.kind == OpKind::kMaxPool, pixel);
          }
        }
      };
      return ForEachPeriod(call.share.Of(call.batch * to.images * to.height), to.height, pool);
    }
    case OpKind::kFrameWindows: {
      const Shape& in = graph_.node(node.inputs[0]).shape;
      const int64_t channels = in.back(), pixels = ElementsOf(in) / (in[0] * channels);
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const int64_t of_sample = row % (node.shape[0] * pixels);
        const int64_t sample = row / (node.shape[0] * pixels), pixel = of_sample % pixels;
        const int64_t first = of_sample / pixels * a.stride - a.padding;
        float* to = call.row(id, row);
        for (int64_t t = first; t < first + a.kernel; ++t, to += channels) {
          if (t < 0 || t >= in[0])
            std::fill_n(to, channels, 0.0f);
          else
            std::copy_n(call.input_row(node, 0, (sample * in[0] + t) * pixels + pixel), channels,
                        to);
        }
      }
      return;
    }
    case OpKind::kReplaceRows: {
      const int64_t of_sample = call.layout(id).rows, cols = call.layout(id).cols;
      const int64_t tokens = node.shape[node.shape.size() - 2];
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const float kept = call.input(node, 1)[row / of_sample * tokens + row % tokens];
        std::copy_n(call.input_row(node, kept != 0 ? 0 : 2, row), cols, call.row(id, row));
      }
      return;
    }
    case OpKind::kUpsample: {
      const ImageLayout image(graph_.node(node.inputs[0]).shape);
      const int64_t line = image.width * image.channels;
      const UnitRange lines = call.share.Of(call.batch * image.images * image.height);
      for (int64_t row = lines.begin; row < lines.end; ++row) {
        const float* x = call.input(node, 0) + row * line;
        float* to = out + row * 4 * line;
        for (int64_t z = 0; z < image.width; ++z) {
          for (int64_t copy = 0; copy < 2; ++copy) {
            std::copy_n(x + z * image.channels, image.channels,
                        to + (2 * z + copy) * image.channels);
          }
        }
        std::copy_n(to, 2 * line, to + 2 * line);
      }
      return;
    }
    default:
      TMPQ_CHECK(false, "not a layout function: " + node.name);
  }
}

}  // namespace tmpq
