// What a policy means for a network: checked, and bound to a weight table.
#include <algorithm>

#include "src/core/error.h"
#include "src/runtime/network_call.h"

namespace tmpq {
namespace {

kernels::Storage StorageOf(ActivationStorage storage) {
  switch (storage) {
    case ActivationStorage::kFloat32:
      break;
    case ActivationStorage::kFloat16:
      return kernels::Storage::kFloat16;
    case ActivationStorage::kBfloat16:
      return kernels::Storage::kBfloat16;
  }
  return kernels::Storage::kFloat32;
}

// Sums with offsets stay within int32.
template <typename Where>
void CheckOffsets(const ActivePolicy::NodeBinding& binding, int64_t inputs, const Where& where) {
  const bool offsets = binding.weights.offset != nullptr || !binding.inputs.symmetric;
  if (!offsets || inputs <= kernels::kMaxOffsetInputs) return;
  throw Error(ErrorCode::kUnsupported, where(),
              "has " + std::to_string(inputs) + " inputs, too many for zero points",
              "at most " + std::to_string(kernels::kMaxOffsetInputs) + ", or symmetric integers");
}

// A convolution's inputs have one scale and nothing beside the integers: a sum over pixels has to
// be exact.
template <typename Where>
void CheckConvolution(const LayerInputView& inputs, const Where& where) {
  const char* what = inputs.low_rank > 0           ? "a float branch"
                     : inputs.first_row != nullptr ? "a first token"
                     : inputs.fixed_rows > 1       ? "scales of positions"
                                                   : nullptr;
  if (what == nullptr) return;
  throw Error(ErrorCode::kUnsupported, where(), "is a convolution with " + std::string(what),
              "token (one scale a picture) or static-tensor activation_scales, low_rank = 0");
}

}  // namespace

ActivePolicy RuntimeNetwork::Activate(const Policy& policy, const QuantTable* table,
                                      PolicyPlace place) const {
  TMPQ_CHECK(policy.size() == graph_.sites().sites.size(),
             "policy does not fit the network's sites");
  ActivePolicy active;
  active.nodes.resize(graph_.nodes().size());
  if (table != nullptr) active.storage = StorageOf(table->scheme().activation_storage);
  for (size_t id = 0; id < active.nodes.size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    ActivePolicy::NodeBinding& binding = active.nodes[id];
    const auto where = [&node] { return "policy: layer " + node.name; };
    if (node.first_site < 0) {
      if (HasWeightPanels(node) && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where(), "is a float layer, but its weights are missing");
      }
      continue;
    }
    const bool attention = node.kind == OpKind::kAttention;
    const BitWidth* widths = policy.data() + node.first_site;
    const int sites = attention ? 4 : 2;
    const auto floats =
        std::count_if(widths, widths + sites, [](BitWidth width) { return width.is_float(); });
    const bool float_inputs = !attention && !widths[0].is_float() && widths[1].is_float();
    if (floats != 0 && floats != sites && !float_inputs) {
      throw Error(ErrorCode::kUnsupported, where(), "mixes float and integer operands",
                  attention ? "all of its sites have to be float, or none"
                            : "float weights have float inputs");
    }
    for (int i = 0; i < sites; ++i) {
      if (widths[i].bits() == 16 && !(attention && i == 3)) {
        throw Error(ErrorCode::kUnsupported, where(),
                    "has 16 bits at a site that is not a softmax");
      }
    }
    if (floats == sites) {
      if (!attention && panels_[id].empty()) {
        throw Error(ErrorCode::kInput, where(),
                    "is to run in float, but its float weights are missing");
      }
      continue;
    }
    if (attention) {
      for (int i = 0; i < 4; ++i) binding.bits[i] = widths[i].bits();
    } else {
      if (table == nullptr)
        throw Error(ErrorCode::kInput, where(), "has no packed weights to run on");
      binding.weights = table->Weights(node.first_site, widths[0], place.range);
      binding.inputs = table->Inputs(node.first_site, widths[1], place.range, place.branch);
      if (node.kind == OpKind::kConv2d) CheckConvolution(binding.inputs, where);
      if (float_inputs) continue;
      CheckOffsets(binding, ProductOf(node).inputs, where);
      binding.bits[0] = widths[1].bits();
    }
  }
  return active;
}

ActivePolicy RuntimeNetwork::ActivateFloat() const {
  return Activate(Policy(graph_.sites().sites.size(), BitWidth::Float()), nullptr);
}

}  // namespace tmpq
