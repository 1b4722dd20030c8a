// Row functions on the kernels; src/graph/graph.h defines the ops.
#include <algorithm>

#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {

namespace {

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

}  // namespace

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

}  // namespace tmpq
