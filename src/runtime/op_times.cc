#include "src/runtime/op_times.h"

#include <algorithm>
#include <map>

namespace tmpq {
namespace {

constexpr const char* kLinears = "linear";
constexpr const char* kConvolutions = "convolution";
constexpr const char* kAttentions = "attention";

const char* KindOf(OpKind kind) {
  switch (kind) {
    case OpKind::kLinear:
      return kLinears;
    case OpKind::kConv2d:
      return kConvolutions;
    case OpKind::kAttention:
      return kAttentions;
    case OpKind::kLayerNorm:
    case OpKind::kGroupNorm:
    case OpKind::kRmsNorm:
    case OpKind::kModulate:
      return "normalization and modulation";
    case OpKind::kSilu:
    case OpKind::kGelu:
    case OpKind::kGeluErf:
    case OpKind::kQuickGelu:
    case OpKind::kRelu:
      return "activation function";
    case OpKind::kGatedAdd:
    case OpKind::kAdd:
    case OpKind::kAddParameter:
    case OpKind::kMultiply:
    case OpKind::kScale:
    case OpKind::kRotary:
      return "other elementwise";
    default:
      return "data movement and embedding";
  }
}

}  // namespace

std::vector<OpTime> TimesByOp(const Graph& graph, const std::vector<double>& node_seconds) {
  std::map<std::string, double> seconds;
  for (size_t id = 0; id < graph.nodes().size(); ++id) {
    const double* of_node = node_seconds.data() + kNodeSecondsCount * id;
    seconds[KindOf(graph.node(static_cast<NodeId>(id)).kind)] +=
        of_node[kWholeNode] - of_node[kNodeInputs];
    seconds["quantization and rotation"] += of_node[kNodeInputs];
  }
  std::vector<OpTime> times;
  for (const auto& [name, spent] : seconds) {
    const bool product = name == kLinears || name == kConvolutions || name == kAttentions;
    if (spent > 0) times.push_back({name, spent, product});
  }
  std::sort(times.begin(), times.end(),
            [](const OpTime& a, const OpTime& b) { return a.seconds > b.seconds; });
  return times;
}

}  // namespace tmpq
