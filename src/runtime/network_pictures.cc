// Pictures whose parts are read where they lie: concatenations and upsamplings that nobody makes
// (memory_plan.h).
#include <algorithm>

#include "src/runtime/network_call.h"

namespace tmpq {

PictureSource PictureOf(const RuntimeNetwork::Call& call, const Node& reader, int64_t at) {
  const Graph& graph = call.network.graph();
  const NodeId id = reader.inputs[0];
  const auto part = [&](const Node& node, size_t operand) {
    const ImageLayout layout(graph.node(node.inputs[operand]).shape);
    return call.input(node, operand) + at * layout.elements();
  };
  if (!call.layout(id).in_parts) return {part(reader, 0)};
  const Node& made_of = graph.node(id);
  if (made_of.kind == OpKind::kUpsample) return {part(made_of, 0), nullptr, 0, true};
  return {part(made_of, 0), part(made_of, 1), graph.node(made_of.inputs[1]).shape.back()};
}

const float* WholePicture(const PictureSource& source, const ImageLayout& in, float* whole) {
  if (!source.in_parts()) return source.x;
  const int64_t channels = in.channels - source.beside_channels;
  float* to = whole;
  for (int64_t y = 0; y < in.height; ++y) {
    for (int64_t x = 0; x < in.width; ++x) {
      const int64_t pixel = source.doubled ? y / 2 * (in.width / 2) + x / 2 : y * in.width + x;
      to = std::copy_n(source.x + pixel * channels, channels, to);
      to = std::copy_n(source.beside + pixel * source.beside_channels, source.beside_channels, to);
    }
  }
  return whole;
}

// Groups that lie in one of two parts are read there; one that lies in both is lined up.
void RuntimeNetwork::RunGroupNorm(const Call& call, NodeId id) const {
  const Node& node = graph_.node(id);
  const int64_t pixels = call.layout(id).rows, cols = call.layout(id).cols;
  const int64_t groups = node.attributes.groups, width = cols / groups;
  const NodeId source = node.inputs[0];
  const bool in_parts = call.layout(source).in_parts;
  const Node& made_of = graph_.node(source);
  const int64_t first_cols = in_parts ? graph_.node(made_of.inputs[0]).shape.back() : cols;
  const auto part = [&](int i, int64_t sample) {
    const int64_t channels = i == 0 ? first_cols : cols - first_cols;
    return (in_parts ? call.input(made_of, i) : call.input(node, 0)) + sample * pixels * channels;
  };
  // Groups [begin, end), which `x` begins with.
  const auto normalize = [&](int64_t sample, int64_t begin, int64_t end, const float* x,
                             int64_t x_stride) {
    if (begin >= end) return;
    const int64_t channel = begin * width;
    kernels_->group_norm({x, pixels, (end - begin) * width, end - begin, x_stride, cols,
                          static_cast<float>(node.attributes.epsilon),
                          weight_of_node_[id] + channel, bias_of_node_[id] + channel,
                          call.row(id, sample * pixels) + channel});
  };
  const int64_t within_first = first_cols / width;                // groups
  const int64_t second_begin = (first_cols + width - 1) / width;  // group
  ForEachPeriod(
      call.share.Of(call.batch * groups), groups, [&](int64_t b, int64_t begin, int64_t count) {
        const int64_t end = begin + count;
        normalize(b, begin, std::min(end, within_first), part(0, b) + begin * width, first_cols);
        if (begin <= within_first && within_first < std::min(end, second_begin)) {
          const int64_t of_first = first_cols - within_first * width;
          const float *x = part(0, b) + within_first * width, *y = part(1, b);
          auto* lined_up = reinterpret_cast<float*>(call.scratch());
          for (int64_t pixel = 0; pixel < pixels; ++pixel) {
            float* to = lined_up + pixel * width;
            std::copy_n(x + pixel * first_cols, of_first, to);
            std::copy_n(y + pixel * (cols - first_cols), width - of_first, to + of_first);
          }
          normalize(b, within_first, within_first + 1, lined_up, width);
        }
        const int64_t from = std::max(begin, second_begin);
        if (from < end)
          normalize(b, from, end, part(1, b) + from * width - first_cols, cols - first_cols);
      });
}

}  // namespace tmpq
