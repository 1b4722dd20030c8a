// Row functions on the kernels; src/graph/graph.h defines the ops.
#include <algorithm>

#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {

namespace {

// Turns every head's channel pairs of rows `range` of a sample, the first of which x (rows, cols)
// begins with, by the angles (period, cols / heads): pairs of cosine and sine, whose rows repeat.
void Rotate(const float* x, UnitRange range, int64_t cols, const float* angles, int64_t period,
            int64_t head, float* out) {
  for (int64_t row = range.begin; row < range.end; ++row) {
    const float* turn = angles + row % period * head;
    for (int64_t at = 0; at < cols; at += 2, x += 2, out += 2) {
      const float cosine = turn[at % head], sine = turn[at % head + 1];
      out[0] = x[0] * cosine - x[1] * sine;
      out[1] = x[1] * cosine + x[0] * sine;
    }
  }
}

}  // namespace

void RuntimeNetwork::RunRows(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const int64_t rows = call.layout(id).rows, cols = call.layout(id).cols;
  const UnitRange part = call.rows(id);
  const UnitRange elements{part.begin * cols, part.end * cols};
  const auto x = [&](int64_t row) { return call.input_row(node, 0, row); };
  const auto out = [&](int64_t row) { return call.row(id, row); };
  const auto side = [&](int i, int64_t row) { return call.input_row(node, i, row); };
  const auto stride = [&](int i) { return call.layout(node.inputs[i]).row_stride; };
  const auto map = [&](auto function) {
    function(x(part.begin), elements.size(), out(part.begin));
  };
  const auto norm = [&](auto function) {
    function({x(part.begin), part.size(), cols, static_cast<float>(node.attributes.epsilon),
              weight_of_node_[id], bias_of_node_[id], out(part.begin)});
  };
  // Applies `function` to x and a second operand: as many rows, or `period` elements that repeat,
  // within a sample or (`per_sample` 0) within the batch.
  const auto repeat_over = [&](auto function, const float* y, int64_t period, bool per_sample) {
    const int64_t repeats = rows * cols / period;
    const float* from = x(part.begin);
    float* to = out(part.begin);
    ForEachPeriod(elements, period, [&](int64_t i, int64_t first, int64_t size) {
      const int64_t at = i * period + first - elements.begin;
      function(from + at, y + (per_sample ? i / repeats * period : 0) + first, size, to + at);
    });
  };
  const auto combine = [&](auto function) {
    const ValueLayout& y = call.layout(node.inputs[1]);
    if (y.rows == rows) {
      return function(x(part.begin), side(1, part.begin), elements.size(), out(part.begin));
    }
    repeat_over(function, side(1, 0), y.rows * y.cols, true);
  };
  const auto by_sample = [&](auto function) { ForEachPeriod(part, rows, function); };
  switch (node.kind) {
    case OpKind::kLayerNorm:
      return norm(kernels_->layer_norm);
    case OpKind::kRmsNorm:
      return norm(kernels_->rms_norm);
    case OpKind::kGroupNorm:
      return RunGroupNorm(call, id);
    case OpKind::kModulate:
      return by_sample([&](int64_t b, int64_t row, int64_t count) {
        const int64_t at = b * rows + row;
        kernels_->modulate(
            {x(at), 1, count, cols, side(1, b), side(2, b), stride(1), stride(2), out(at)});
      });
    case OpKind::kGatedAdd:
      return by_sample([&](int64_t b, int64_t row, int64_t count) {
        const int64_t at = b * rows + row;
        kernels_->gated_add({x(at), side(2, at), 1, count, cols, side(1, b), stride(1), out(at)});
      });
    case OpKind::kAdd:
      return combine(kernels_->add);
    case OpKind::kMultiply:
      return combine(kernels_->multiply);
    case OpKind::kAddParameter:
      return repeat_over(kernels_->add, weight_of_node_[id],
                         ElementsOf(node.parameters.at("weight")), false);
    case OpKind::kScale:
      return kernels_->scale(x(part.begin), elements.size(),
                             static_cast<float>(node.attributes.factor), out(part.begin));
    case OpKind::kGeluErf:
      return map(kernels_->gelu_erf);
    case OpKind::kSilu:
      return map(kernels_->silu);
    case OpKind::kGelu:
      return map(kernels_->gelu_tanh);
    case OpKind::kQuickGelu:
      return map(kernels_->quick_gelu);
    case OpKind::kRotary: {
      const int64_t tokens = node.shape[node.shape.size() - 2], head = cols / node.attributes.heads;
      return by_sample([&](int64_t b, int64_t row, int64_t count) {
        Rotate(x(b * rows + row), {row, row + count}, cols, side(1, b * tokens), tokens, head,
               out(b * rows + row));
      });
    }
    case OpKind::kMeanPool: {
      const int64_t pixels = call.layout(node.inputs[0]).rows;
      for (int64_t b = part.begin; b < part.end; ++b) {
        kernels_->mean_rows({x(b * pixels), pixels, cols, out(b)});
      }
      return;
    }
    default:
      TMPQ_CHECK(false, "not a row function: " + node.name);
  }
}

}  // namespace tmpq
