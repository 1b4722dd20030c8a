#include "src/graph/graph.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"

namespace tmpq {
namespace {

constexpr const char* kOpNames[] = {
    "input",           "linear",       "conv2d",       "layer_norm",
    "group_norm",      "modulate",     "gated_add",    "add",
    "add_parameter",   "silu",         "gelu",         "slice",
    "attention",       "patchify",     "unpatchify",   "timestep_embedding",
    "label_embedding", "mean_pool",    "multiply",     "scale",
    "gelu_erf",        "concat",       "reshape",      "permute",
    "upsample",        "parameter",    "rms_norm",     "quick_gelu",
    "select_row",      "rotary",       "replace_rows", "relu",
    "max_pool",        "average_pool", "frame_windows"};

OpKind ParseOp(const std::string& name, const std::string& where) {
  const auto* found = std::find(std::begin(kOpNames), std::end(kOpNames), name);
  if (found == std::end(kOpNames))
    throw Error(ErrorCode::kInput, where, "unknown op \"" + name + "\"");
  return static_cast<OpKind>(found - std::begin(kOpNames));
}

}  // namespace

const char* NameOf(OpKind kind) { return kOpNames[static_cast<int>(kind)]; }

int64_t ElementsOf(const Shape& shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) elements *= size;
  return elements;
}

std::string ShapeText(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

NodeId Graph::FindInput(const std::string& name) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].kind == OpKind::kInput && nodes_[i].name == name) return static_cast<NodeId>(i);
  }
  return -1;
}

int64_t Graph::parameter_count() const {
  int64_t count = 0;
  for (const auto& [name, shape] : parameters_) count += ElementsOf(shape);
  return count;
}

int64_t Graph::macs() const {
  int64_t macs = 0;
  for (const Node& node : nodes_) macs += node.macs;
  return macs;
}

Hash128 Graph::hash() const { return HashString(ToJson().dump()); }

Json Graph::ToJson() const {
  Json nodes = Json::array();
  for (const Node& node : nodes_) {
    Json entry = {{"op", NameOf(node.kind)}, {"name", node.name}, {"inputs", node.inputs}};
    if (node.kind == OpKind::kInput) entry["shape"] = node.shape;
    Attributes attributes = node.attributes, defaults;
    std::vector<Json> default_values;
    defaults.ForEachField([&](const char*, auto& field) { default_values.push_back(field); });
    size_t i = 0;
    attributes.ForEachField([&](const char* name, auto& field) {
      if (Json(field) != default_values[i++]) entry[name] = field;
    });
    nodes.push_back(std::move(entry));
  }
  return {{"format", "tmpq-graph-1"},
          {"name", name_},
          {"output", output_},
          {"nodes", std::move(nodes)}};
}

Graph Graph::CutAfter(const std::string& output) const {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                  [&](const Node& node) { return node.name == output; });
  if (found == nodes_.end()) {
    throw Error(ErrorCode::kInput, "graph " + name_, "has no node \"" + output + "\"");
  }
  std::vector<bool> needed(found - nodes_.begin() + 1, false);
  needed.back() = true;
  for (size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const NodeId input : nodes_[i].inputs) needed[input] = true;
  }
  Json json = ToJson();
  Json kept = Json::array();
  std::vector<NodeId> moved(needed.size(), -1);  // old number -> new number
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    moved[i] = static_cast<NodeId>(kept.size());
    Json& node = kept.emplace_back(std::move(json["nodes"][i]));
    for (Json& input : node["inputs"]) input = moved[input.get<NodeId>()];
  }
  json["output"] = moved.back();
  json["nodes"] = std::move(kept);
  return FromJson(json, "graph " + name_);
}

Graph Graph::FromJson(const Json& json, const std::string& where) {
  if (JsonGet<std::string>(json, "format", where) != "tmpq-graph-1") {
    throw Error(ErrorCode::kInput, where, "is not a graph of format tmpq-graph-1");
  }
  GraphBuilder builder(JsonGet<std::string>(json, "name", where));
  NodeId count = 0;
  for (const Json& entry : JsonGet<Json>(json, "nodes", where)) {
    const auto name = JsonGet<std::string>(entry, "name", where);
    const std::string here = where + ": node " + name;
    const auto inputs = JsonGet<std::vector<NodeId>>(entry, "inputs", here);
    for (const NodeId input : inputs) {
      if (input < 0 || input >= count)
        throw Error(ErrorCode::kInput, here, "uses a node that is not before it");
    }
    Attributes attributes;
    attributes.ForEachField([&](const char* key, auto& field) {
      if (entry.contains(key)) field = JsonGet<std::decay_t<decltype(field)>>(entry, key, here);
    });
    const Shape shape = entry.contains("shape") ? JsonGet<Shape>(entry, "shape", here) : Shape{};
    builder.Append(ParseOp(JsonGet<std::string>(entry, "op", here), here), name, inputs, attributes,
                   shape);
    ++count;
  }
  const auto output = JsonGet<NodeId>(json, "output", where);
  if (output < 0 || output >= count) throw Error(ErrorCode::kInput, where, "has no output node");
  return builder.Finish(output);
}

}  // namespace tmpq
