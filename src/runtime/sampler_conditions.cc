// What samples are conditioned on, and how it reaches a network call.
#include <algorithm>
#include <set>

#include "src/core/error.h"
#include "src/runtime/sampler_scratch.h"

namespace tmpq {

int64_t ConditionList::rows() const {
  if (width > 0) return static_cast<int64_t>(values.size()) / width;
  if (tensors.empty()) return 0;
  const ConditionTensor& first = tensors.begin()->second;
  return static_cast<int64_t>(first.values.size() / std::max<size_t>(1, first.null_value.size()));
}

std::vector<const Node*> FloatConditions(const Graph& graph) {
  std::set<std::string> others = {"sample", "timestep"};
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kLabelEmbedding) others.insert(graph.node(node.inputs[0]).name);
  }
  std::vector<const Node*> found;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kInput && others.count(node.name) == 0) found.push_back(&node);
  }
  return found;
}

ConditionList DiffusionSampler::AllLabels() const {
  ConditionList list;
  if (condition_width_ != 1) return list;
  list.width = 1;
  for (int32_t label = 0; label < condition_limit_; ++label) list.values.push_back(label);
  return list;
}

void DiffusionSampler::CheckConditions(const ConditionList& conditions) const {
  const bool conditional = condition_width_ > 0 || !tensor_elements_.empty();
  if (conditions.width != condition_width_ || (conditions.rows() == 0 && conditional)) {
    throw Error(ErrorCode::kUsage, "conditions",
                "are rows of " + std::to_string(conditions.width) + " integers, not of " +
                    std::to_string(condition_width_));
  }
  for (const int32_t value : conditions.values) {
    CheckRange(condition_name_ == "label" ? "class" : condition_name_, value, 0,
               condition_limit_ - 1);
  }
  for (const auto& [name, elements] : tensor_elements_) {
    const auto found = conditions.tensors.find(name);
    if (found == conditions.tensors.end()) {
      throw Error(ErrorCode::kUsage, "conditions", "lack the network's input " + name,
                  "a text-conditioned network needs encoded prompts");
    }
    const auto values = static_cast<int64_t>(found->second.values.size()),
               nulls = static_cast<int64_t>(found->second.null_value.size());
    if (nulls != elements || values != conditions.rows() * elements) {
      throw Error(ErrorCode::kUsage, "conditions",
                  "of " + name + " hold " + std::to_string(values) + " numbers",
                  std::to_string(conditions.rows()) + " rows of " + std::to_string(elements) +
                      " are expected");
    }
  }
}

// Conditional rows in the first half of a call's batch, null ones in the second.
void DiffusionSampler::PlaceConditions(const ConditionList& conditions, int64_t first,
                                       int64_t count, Scratch& s) const {
  const int64_t width = condition_width_;
  for (int64_t i = 0; i < count; ++i) {
    if (width > 0) {
      std::copy_n(conditions.row(first + i), width, s.conditions.data() + i * width);
      std::copy_n(null_condition_.data(), width, s.conditions.data() + (count + i) * width);
    }
    for (const auto& [name, elements] : tensor_elements_) {
      const ConditionTensor& tensor = conditions.tensors.at(name);
      const int64_t row = (first + i) % conditions.rows();
      float* out = s.tensors.at(name).data();
      std::copy_n(tensor.values.data() + row * elements, elements, out + i * elements);
      std::copy_n(tensor.null_value.data(), elements, out + (count + i) * elements);
    }
  }
}

}  // namespace tmpq
