// What follows from an op, its inputs and attributes: shape, parameters, MACs. src/graph/graph.h
// defines the ops.
#include <algorithm>
#include <cmath>

#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr size_t kMaxRank = 6;

// Whether `part` is `whole` or its last dimensions.
bool IsSuffix(const Shape& part, const Shape& whole) {
  return part.size() <= whole.size() && std::equal(part.rbegin(), part.rend(), whole.rbegin());
}

// Whether dims can be multiplied without a look at each.
bool IsLegalShape(const Shape& dims) {
  return !dims.empty() && dims.size() <= kMaxRank &&
         std::all_of(dims.begin(), dims.end(),
                     [](int64_t d) { return d > 0 && d <= kMaxDimension; });
}

Shape Leading(const Shape& shape, size_t last) {
  return {shape.begin(), shape.end() - static_cast<int64_t>(last)};
}

Shape Joined(Shape leading, const Shape& last) {
  leading.insert(leading.end(), last.begin(), last.end());
  return leading;
}

}  // namespace

Shape GraphBuilder::WindowedShape(const Node& node, const Shape& x) const {
  const Attributes& a = node.attributes;
  if (x.size() < 3) Fail(node, "needs an input (.., height, width, channels)");
  if (a.kernel <= 0 || a.kernel_width < 0 || a.stride <= 0 || a.padding < 0 ||
      a.padding_width < -1 || a.end_padding < 0 ||
      std::max({a.kernel, a.kernel_width, a.stride, a.padding, a.padding_width, a.end_padding}) >
          kMaxDimension) {
    Fail(node, "has a bad attribute");
  }
  const int64_t times = a.end_padding_only ? 1 : 2;
  const int64_t height = x[x.size() - 3] + times * a.padding + a.end_padding,
                width = x[x.size() - 2] + times * a.side_padding() + a.end_padding;
  if (height < a.kernel || width < a.window_width()) Fail(node, "window exceeds input");
  return Joined(Leading(x, 3),
                {(height - a.kernel) / a.stride + 1, (width - a.window_width()) / a.stride + 1});
}

void GraphBuilder::InferShape(Node& node) const {
  const Attributes& a = node.attributes;
  const Shape x = node.inputs.empty() ? Shape{} : graph_.nodes_[node.inputs[0]].shape;
  const auto input = [&](int i) { return graph_.nodes_[node.inputs[i]].shape; };
  const auto require = [&](bool condition, const char* what) {
    if (!condition) Fail(node, what);
  };
  const bool has_channels = !x.empty();
  const int64_t channels = has_channels ? x.back() : 0;
  node.shape = x;
  switch (node.kind) {
    case OpKind::kInput:
      break;
    case OpKind::kLinear:
      require(has_channels && a.features > 0, "needs channels and features > 0");
      node.shape.back() = a.features;
      node.parameters = {{"weight", {a.features, channels}}};
      if (a.bias) node.parameters["bias"] = {a.features};
      node.macs = ElementsOf(node.shape) * channels;
      break;
    case OpKind::kConv2d:
      require(a.features > 0, "has a bad attribute");
      node.shape = WindowedShape(node, x);
      node.shape.push_back(a.features);
      node.parameters = {{"weight", {a.features, a.kernel, a.window_width(), channels}}};
      if (a.bias) node.parameters["bias"] = {a.features};
      node.macs = ElementsOf(node.shape) * a.kernel * a.window_width() * channels;
      break;
    case OpKind::kMaxPool:
    case OpKind::kAveragePool:
      require(2 * a.padding <= a.kernel && 2 * a.side_padding() <= a.window_width() &&
                  a.padding + a.end_padding < a.kernel &&
                  a.side_padding() + a.end_padding < a.window_width() && !a.end_padding_only,
              "has windows beside its input");
      require(node.kind == OpKind::kMaxPool || a.end_padding == 0, "pads its ends unequally");
      node.shape = WindowedShape(node, x);
      node.shape.push_back(channels);
      break;
    case OpKind::kLayerNorm:
      require(has_channels && a.epsilon > 0, "needs channels and epsilon > 0");
      if (a.affine) node.parameters = {{"weight", {channels}}, {"bias", {channels}}};
      break;
    case OpKind::kGroupNorm:
      require(has_channels && a.groups > 0 && channels % a.groups == 0 && a.epsilon > 0,
              "channels have to be a multiple of groups, epsilon > 0");
      node.parameters = {{"weight", {channels}}, {"bias", {channels}}};
      break;
    case OpKind::kModulate:
      require(has_channels && input(1) == Shape{channels} && input(2) == Shape{channels},
              "shift and scale have to have x's channels");
      break;
    case OpKind::kGatedAdd:
      require(has_channels && input(1) == Shape{channels} && input(2) == x,
              "gate or y does not fit x");
      break;
    case OpKind::kAdd:
    case OpKind::kMultiply:
      require(IsSuffix(input(1), x), "the second input has not the first one's last dimensions");
      break;
    case OpKind::kAddParameter:
      require(IsSuffix(a.dims, x), "dims are not the last dimensions of x");
      node.parameters = {{"weight", a.dims.empty() ? x : a.dims}};
      break;
    case OpKind::kScale:
      require(a.factor != 0 && std::isfinite(a.factor), "needs a factor");
      break;
    case OpKind::kSilu:
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kQuickGelu:
    case OpKind::kRelu:
      break;
    case OpKind::kParameter:
      require(IsLegalShape(a.dims), "needs dims");
      node.shape = a.dims;
      node.parameters = {{"weight", a.dims}};
      break;
    case OpKind::kRmsNorm:
      require(has_channels && a.epsilon > 0, "needs channels and epsilon > 0");
      node.parameters = {{"weight", {channels}}};
      break;
    case OpKind::kSelectRow:
      require(
          x.size() == 2 && input(1).empty() && graph_.nodes_[node.inputs[1]].kind == OpKind::kInput,
          "needs x (T, C) and a scalar input");
      node.shape = {channels};
      break;
    case OpKind::kConcat:
      node.shape.back() = 0;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const Shape part = input(static_cast<int>(i));
        require(has_channels && !part.empty() && Leading(part, 1) == Leading(x, 1),
                "inputs differ in more than channels");
        node.shape.back() += part.back();
      }
      break;
    case OpKind::kReshape:
      require(IsLegalShape(a.dims) && ElementsOf(a.dims) == ElementsOf(x),
              "dims have another number of elements");
      node.shape = a.dims;
      break;
    case OpKind::kPermute: {
      std::vector<int64_t> sorted = a.dims;
      std::sort(sorted.begin(), sorted.end());
      require(sorted.size() == x.size() && !sorted.empty(), "dims are not a permutation");
      require(sorted.size() <= kMaxRank, "has too many dimensions");
      for (size_t i = 0; i < sorted.size(); ++i) {
        require(sorted[i] == static_cast<int64_t>(i), "dims are not a permutation");
      }
      for (size_t i = 0; i < sorted.size(); ++i) node.shape[i] = x[a.dims[i]];
      break;
    }
    case OpKind::kUpsample:
      require(x.size() >= 3, "needs an input (.., height, width, channels)");
      node.shape[x.size() - 3] *= 2, node.shape[x.size() - 2] *= 2;
      break;
    case OpKind::kSlice:
      require(has_channels && a.offset >= 0 && a.size > 0 && a.offset + a.size <= channels,
              "range exceeds the channels");
      node.shape.back() = a.size;
      break;
    case OpKind::kAttention: {
      const Shape k = input(1);
      require(x.size() >= 2 && k.size() >= 2 && k == input(2) && k.back() == channels &&
                  (k.size() == 2 || Leading(k, 2) == Leading(x, 2)) && a.heads > 0 &&
                  channels % a.heads == 0,
              "needs q (.., Tq, C), k and v (.., Tk, C) or (Tk, C), C a multiple of heads");
      const int64_t queries = x[x.size() - 2], keys = k[k.size() - 2];
      const size_t extra = node.inputs.size() - 3, biases = a.score_bias ? 1 : 0;
      require(
          extra >= biases && extra - biases <= 1 && (extra == biases || input(3) == Shape{keys}),
          "needs a mask of one number a key");
      require(!a.score_bias || input(2 + static_cast<int>(extra)) == Shape{a.heads, queries, keys},
              "needs a bias (heads, Tq, Tk)");
      require(!a.causal || (queries == keys && extra == biases),
              "causal attention needs as many queries as keys, and no mask");
      require(a.score_scale >= 0 && std::isfinite(a.score_scale), "has a bad score_scale");
      require(!a.quantized || (!a.causal && !a.score_bias && a.score_scale == 0),
              "causal, score_bias and score_scale have no integer kernel: they need a float layer");
      node.macs = 2 * ElementsOf(x) * keys;
      break;
    }
    case OpKind::kPatchify: {
      require(x.size() >= 3 && a.patch > 0, "needs an input (.., height, width, channels)");
      const int64_t height = x[x.size() - 3], width = x[x.size() - 2];
      require(height % a.patch == 0 && width % a.patch == 0,
              "height and width have to be multiples of the patch");
      node.shape = Joined(Leading(x, 3),
                          {height / a.patch * (width / a.patch), a.patch * a.patch * channels});
      break;
    }
    case OpKind::kUnpatchify:
      require(x.size() >= 2 && a.patch > 0 && a.height > 0 && a.width > 0 &&
                  a.height % a.patch == 0 && a.width % a.patch == 0 &&
                  x[x.size() - 2] == a.height / a.patch * (a.width / a.patch) &&
                  channels % (a.patch * a.patch) == 0,
              "tokens and channels do not fit the image");
      node.shape = Joined(Leading(x, 2), {a.height, a.width, channels / (a.patch * a.patch)});
      break;
    case OpKind::kTimestepEmbedding:
      require(a.features > 0 && a.features % 2 == 0, "needs an even width");
      require(a.frequency_shift >= 0 && a.frequency_shift < static_cast<double>(a.features) / 2,
              "has a bad frequency shift");
      node.shape.push_back(a.features);
      break;
    case OpKind::kLabelEmbedding:
      require(a.features > 0 && a.size > 0, "needs rows and a width");
      require(graph_.nodes_[node.inputs[0]].kind == OpKind::kInput, "reads inputs only");
      node.shape.push_back(a.features);
      node.parameters = {{"weight", {a.size, a.features}}};
      break;
    case OpKind::kMeanPool:
      require(x.size() >= 2, "needs positions and channels");
      node.shape = {channels};
      break;
    case OpKind::kRotary:
      require(x.size() >= 2 && a.heads > 0 && channels % (2 * a.heads) == 0 &&
                  input(1) == Shape{x[x.size() - 2], channels / a.heads},
              "needs x (.., T, C) and angles (T, C / heads), C / heads even");
      break;
    case OpKind::kFrameWindows: {
      require(x.size() >= 2 && a.kernel > 0 && a.stride > 0 && a.padding >= 0 &&
                  a.end_padding >= 0 && x.size() <= kMaxRank,
              "needs frames of channels, and a window");
      require(std::max({a.kernel, a.stride, a.padding, a.end_padding}) <= kMaxDimension &&
                  channels * a.kernel <= kMaxDimension,
              "has a bad attribute");
      const int64_t frames = x[0] + 2 * a.padding + a.end_padding;
      require(frames >= a.kernel, "window exceeds input");
      node.shape[0] = (frames - a.kernel) / a.stride + 1;
      node.shape.back() = a.kernel * channels;
      break;
    }
    case OpKind::kReplaceRows:
      require(x.size() >= 2 && input(1) == Shape{x[x.size() - 2]} && input(2) == x,
              "needs x and y (.., T, C) and a mask (T)");
      break;
  }
}

}  // namespace tmpq
