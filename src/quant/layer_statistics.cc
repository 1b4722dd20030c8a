#include "src/quant/layer_statistics.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/core/json.h"
#include "src/core/random.h"
#include "src/core/tensor_file.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.calibration";
constexpr const char* kFormat = "tmpq-calibration-1";

// Element-wise; an empty `into` becomes `from`.
template <typename Choose>
void Combine(std::vector<float>& into, const std::vector<float>& from, Choose choose) {
  if (into.empty()) into.assign(from.size(), 0.0f);
  for (size_t i = 0; i < from.size(); ++i) into[i] = choose(into[i], from[i]);
}

void Append(InputStatistics& into, const InputStatistics& from) {
  const auto least = [](float a, float b) { return std::min(a, b); };
  const auto most = [](float a, float b) { return std::max(a, b); };
  Combine(into.absmax, from.absmax, most);
  Combine(into.low, from.low, least);
  Combine(into.high, from.high, most);
  into.rows.insert(into.rows.end(), from.rows.begin(), from.rows.end());
}

std::string Prefix(const std::string& layer, int range, int branch) {
  return layer + ".r" + std::to_string(range) + ".b" + std::to_string(branch) + ".";
}

}  // namespace

std::vector<float> GatherInputs(const Node& node, const Shape& input, const float* x, int64_t row) {
  const int64_t channels = input.back();
  if (node.kind != OpKind::kConv2d) {
    return {x + row * channels, x + (row + 1) * channels};
  }
  const Attributes& a = node.attributes;
  const int64_t height = input[input.size() - 3], width = input[input.size() - 2];
  const int64_t out_height = node.shape[node.shape.size() - 3],
                out_width = node.shape[node.shape.size() - 2];
  const int64_t image = row / (out_height * out_width), pixel = row % (out_height * out_width);
  const int64_t above = a.end_padding_only ? 0 : a.padding;
  const int64_t left = a.end_padding_only ? 0 : a.side_padding(), wide = a.window_width();
  x += image * height * width * channels;
  std::vector<float> window(a.kernel * wide * channels, 0.0f);
  for (int64_t i = 0; i < a.kernel; ++i) {
    for (int64_t j = 0; j < wide; ++j) {
      const int64_t y = pixel / out_width * a.stride + i - above,
                    z = pixel % out_width * a.stride + j - left;
      if (y < 0 || y >= height || z < 0 || z >= width) continue;
      std::copy_n(x + (y * width + z) * channels, channels,
                  window.data() + (i * wide + j) * channels);
    }
  }
  return window;
}

CalibrationStatistics::CalibrationStatistics(int ranges, int branches, int rows_per_call)
    : ranges_(ranges), branches_(branches), rows_per_call_(rows_per_call) {}

void CalibrationStatistics::Observe(const Graph& graph, NodeId id, const float* x,
                                    const ObservedCall& call) {
  const Node& node = graph.node(id);
  const Shape& shape = graph.node(node.inputs[0]).shape;
  const int64_t elements = ElementsOf(shape), channels = shape.back();
  const bool convolution = node.kind == OpKind::kConv2d;
  const int64_t tokens = convolution ? 1 : elements / channels;
  InputStatistics now;
  now.absmax.assign(channels, 0.0f);
  now.low.assign(tokens, 0.0f), now.high.assign(tokens, 0.0f);
  for (int64_t i = 0; i < elements; ++i) {
    if (!std::isfinite(x[i])) {
      throw Error(ErrorCode::kInput, "layer " + node.name,
                  "has inputs that are NaN or infinite in the float network");
    }
    const int64_t token = convolution ? 0 : i / channels;
    now.absmax[i % channels] = std::max(now.absmax[i % channels], std::fabs(x[i]));
    now.low[token] = std::min(now.low[token], x[i]);
    now.high[token] = std::max(now.high[token], x[i]);
  }
  const int64_t outputs = ElementsOf(node.shape) / node.shape.back();
  RandomStream random(HashString(node.name).low, RandomPurpose::kCalibration,
                      static_cast<uint64_t>(call.sample) << 20 | static_cast<uint64_t>(call.step));
  for (int i = 0; i < rows_per_call_; ++i) {
    const auto row = static_cast<int64_t>(random.Below(static_cast<uint64_t>(outputs)));
    const std::vector<float> inputs = GatherInputs(node, shape, x, row);
    now.rows.insert(now.rows.end(), inputs.begin(), inputs.end());
  }
  Layer& layer = layers_[node.name];
  const std::vector<float> first(x, x + channels);
  if (layer.parts.empty()) {
    layer.parts.resize(ranges_ * branches_);
    layer.first_row = first;
  } else if (layer.first_row != first) {
    layer.first_row.clear();
  }
  Append(layer.parts[call.range * branches_ + call.branch], now);
}

void CalibrationStatistics::Merge(const CalibrationStatistics& later) {
  for (const auto& [name, from] : later.layers_) {
    Layer& into = layers_[name];
    if (into.parts.empty()) {
      into = from;
      continue;
    }
    for (size_t i = 0; i < from.parts.size(); ++i) Append(into.parts[i], from.parts[i]);
    if (into.first_row != from.first_row) into.first_row.clear();
  }
}

const InputStatistics& CalibrationStatistics::Of(const std::string& layer, int range,
                                                 int branch) const {
  const auto found = layers_.find(layer);
  const int index = range * branches_ + std::min(branch, branches_ - 1);
  if (found == layers_.end() || found->second.parts[index].absmax.empty()) {
    throw Error(ErrorCode::kInput, "layer " + layer,
                "was not seen by the calibration in timestep range " + std::to_string(range),
                "more calibration_steps");
  }
  return found->second.parts[index];
}

InputStatistics CalibrationStatistics::Whole(const std::string& layer) const {
  const auto found = layers_.find(layer);
  if (found == layers_.end()) {
    throw Error(ErrorCode::kInput, "layer " + layer, "was not seen by the calibration");
  }
  InputStatistics whole;
  for (const InputStatistics& part : found->second.parts) {
    if (!part.absmax.empty()) Append(whole, part);
  }
  return whole;
}

std::vector<float> CalibrationStatistics::FirstRow(const std::string& layer) const {
  const auto found = layers_.find(layer);
  return found == layers_.end() ? std::vector<float>{} : found->second.first_row;
}

void CalibrationStatistics::Save(const std::filesystem::path& path, Hash128 model_hash) const {
  TensorFileWriter writer;
  writer.SetMetadata(kMetadataKey, Json({{"format", kFormat},
                                         {"model", model_hash.Hex()},
                                         {"ranges", ranges_},
                                         {"branches", branches_},
                                         {"rows_per_call", rows_per_call_}})
                                       .dump());
  const auto add = [&](const std::string& name, const std::vector<float>& values) {
    writer.AddFloats(name, {static_cast<int64_t>(values.size())}, values);
  };
  for (const auto& [name, layer] : layers_) {
    if (!layer.first_row.empty()) add(name + ".first_row", layer.first_row);
    for (int i = 0; i < ranges_ * branches_; ++i) {
      const InputStatistics& part = layer.parts[i];
      if (part.absmax.empty()) continue;
      const std::string prefix = Prefix(name, i / branches_, i % branches_);
      add(prefix + "absmax", part.absmax), add(prefix + "low", part.low);
      add(prefix + "high", part.high), add(prefix + "rows", part.rows);
    }
  }
  writer.Write(path);
}

CalibrationStatistics CalibrationStatistics::Load(const std::filesystem::path& path,
                                                  Hash128 model_hash) {
  const TensorFile file(path);
  const std::string where = path.string();
  const Json metadata = ParseJson(file.Metadata(kMetadataKey), where);
  if (JsonGet<std::string>(metadata, "format", where) != kFormat ||
      JsonGet<std::string>(metadata, "model", where) != model_hash.Hex()) {
    throw Error(ErrorCode::kInput, where, "is no calibration of this model",
                "let it be made again");
  }
  CalibrationStatistics statistics(JsonGet<int>(metadata, "ranges", where),
                                   JsonGet<int>(metadata, "branches", where),
                                   JsonGet<int>(metadata, "rows_per_call", where));
  const auto read = [&](const std::string& name) {
    const std::span<const float> values = file.Floats(name);
    return std::vector<float>(values.begin(), values.end());
  };
  const std::string ending = ".absmax";
  for (const auto& [name, view] : file.tensors()) {
    if (!name.ends_with(ending)) continue;
    for (int i = 0; i < statistics.ranges_ * statistics.branches_; ++i) {
      const std::string part = Prefix("", i / statistics.branches_, i % statistics.branches_);
      if (!name.ends_with(part + "absmax")) continue;
      const std::string layer = name.substr(0, name.size() - part.size() - ending.size() + 1);
      Layer& into = statistics.layers_[layer];
      into.parts.resize(statistics.ranges_ * statistics.branches_);
      const std::string prefix = layer + part;
      into.parts[i] = {read(prefix + "absmax"), read(prefix + "low"), read(prefix + "high"),
                       read(prefix + "rows")};
      if (file.Has(layer + ".first_row")) into.first_row = read(layer + ".first_row");
    }
  }
  return statistics;
}

}  // namespace tmpq
