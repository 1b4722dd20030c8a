#include "tools/common/call_inputs.h"

#include <algorithm>
#include <set>

#include "src/core/error.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

// What a graph's input is called in the classes, the graph's own name first.
std::vector<std::string> NamesOf(const std::string& input) {
  if (input == "sample") return {"sample", "hidden_states", "x"};
  if (input == "label") return {"label", "class_labels"};
  if (input == "encoder_hidden_states") return {"encoder_hidden_states", "y"};
  if (input == "encoder_attention_mask") return {"encoder_attention_mask", "mask"};
  return {input, "added_cond_kwargs." + input};
}

bool IsMask(const std::string& input) { return input.find("mask") != std::string::npos; }

// The embedding that reads `node`, or null.
const Node* EmbeddingOf(const Graph& graph, const Node& node) {
  for (const Node& reader : graph.nodes()) {
    if (reader.kind == OpKind::kLabelEmbedding && &graph.node(reader.inputs[0]) == &node) {
      return &reader;
    }
  }
  return nullptr;
}

Shape WithoutOnes(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

// Dimensions of 1 may be missing or too many (STDiT's captions are (batch, 1, tokens, features)),
// except in masks: there a third dimension would mean a bias that is added.
bool Fits(const std::string& name, const Shape& given, const Shape& expected) {
  return given == expected ||
         (!IsMask(name) && name != "sample" && !given.empty() && given[0] == expected[0] &&
          WithoutOnes(given) == WithoutOnes(expected));
}

}  // namespace

std::vector<float> MoveChannels(const std::vector<float>& values, int64_t batch, int64_t channels,
                                bool to_last) {
  const int64_t pixels = static_cast<int64_t>(values.size()) / (batch * channels);
  std::vector<float> out(values.size());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < pixels; ++i) {
        const int64_t first = (b * channels + c) * pixels + i,
                      last = (b * pixels + i) * channels + c;
        out[to_last ? last : first] = values[to_last ? first : last];
      }
    }
  }
  return out;
}

Shape ChannelsFirst(const Shape& shape) {
  Shape result = {shape.back()};
  result.insert(result.end(), shape.begin(), shape.end() - 1);
  return result;
}

std::string CallInputs::NameOf(const std::string& input) const {
  for (const std::string& name : NamesOf(input)) {
    if (file_.Has(name)) return name;
  }
  return "";
}

const TensorView* CallInputs::Find(const std::string& input) const {
  const std::string name = NameOf(input);
  return name.empty() ? nullptr : file_.tensors().at(name);
}

const TensorView& CallInputs::Get(const std::string& input) const {
  const TensorView* view = Find(input);
  if (view != nullptr) return *view;
  std::string others;
  for (const std::string& name : NamesOf(input)) {
    if (name != input) others += (others.empty() ? "it may also be called " : " or ") + name;
  }
  throw Error(ErrorCode::kInput, where(), "has no tensor \"" + input + "\"", others);
}

int64_t CallInputs::batch() const {
  const Shape& sample = Get("sample").shape;
  return sample.empty() ? 1 : sample[0];
}

DiffusersOptions CallInputs::Sizes() const {
  DiffusersOptions options;
  const Shape& sample = Get("sample").shape;
  if (sample.size() >= 4) {
    options.height = sample[sample.size() - 2], options.width = sample.back();
  }
  if (sample.size() == 5) options.frames = sample[2];
  const TensorView* caption = Find("encoder_hidden_states");
  if (caption != nullptr && caption->shape.size() >= 3) {
    options.caption_tokens = caption->shape[caption->shape.size() - 2];
  }
  const TensorView* sizes = Find("time_ids");
  if (sizes != nullptr && sizes->shape.size() == 2) options.sizes = sizes->shape[1];
  return options;
}

InputValues CallInputs::Read(const Graph& graph, const Node& node) const {
  InputValues values;
  if (IsMask(node.name) && Find(node.name) == nullptr) {
    values.floats.assign(batch() * ElementsOf(node.shape), 1.0f);
    return values;
  }
  const TensorView& view = Get(node.name);
  const bool image = node.name == "sample";
  Shape expected = image ? ChannelsFirst(node.shape) : node.shape;
  expected.insert(expected.begin(), batch());
  const bool one_for_all = node.shape.empty() && view.elements() == 1;
  if (!Fits(node.name, view.shape, expected) && !one_for_all) {
    throw Error(ErrorCode::kInput, where(), "tensor " + node.name + " is " + ShapeText(view.shape),
                "the network takes " + ShapeText(expected));
  }
  const std::string name = NameOf(node.name);
  if (const Node* embedding = EmbeddingOf(graph, node); embedding != nullptr) {
    values.integers = file_.Integers(name);
    if (one_for_all) values.integers.assign(batch(), values.integers[0]);
    for (const int32_t value : values.integers) {
      CheckRange(node.name, value, 0, static_cast<double>(embedding->attributes.size - 1));
    }
    return values;
  }
  if (view.dtype == DType::kF32 || view.dtype == DType::kF16 || view.dtype == DType::kBF16) {
    values.floats = file_.Floats(name);
  } else {
    const auto integers = file_.Integers(name);
    values.floats.assign(integers.begin(), integers.end());
  }
  if (one_for_all) values.floats.assign(batch(), values.floats[0]);
  if (image) values.floats = MoveChannels(values.floats, batch(), node.shape.back(), true);
  return values;
}

std::string CallInputs::Unread(const Graph& graph) const {
  std::set<std::string> read;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kInput) read.insert(NameOf(node.name));
  }
  std::string unread;
  for (const auto& [name, view] : file_.tensors()) {
    if (read.count(name) == 0) unread += (unread.empty() ? "" : ", ") + name;
  }
  return unread;
}

}  // namespace tmpq
