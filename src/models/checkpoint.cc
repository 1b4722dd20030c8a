#include "src/models/checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/json.h"

namespace tmpq {
namespace {

constexpr size_t kMaxIndexBytes = size_t{1} << 26;

float FloatOfHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31, mantissa = half & 1023;
  if (exponent == 0) {  // zero and subnormal: mantissa 2^-24
    const float magnitude = std::ldexp(static_cast<float>(mantissa), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t bits =
      sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | mantissa << 13;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float FloatOfBfloat(uint16_t brain) {
  const uint32_t bits = static_cast<uint32_t>(brain) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename Convert>
std::vector<float> ConvertHalves(const TensorView& view, Convert convert) {
  std::vector<float> values(view.elements());
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half;
    std::memcpy(&half, view.data.data() + 2 * i, sizeof(half));
    values[i] = convert(half);
  }
  return values;
}

// [N, C, ..] -> [N, .., C].
std::vector<float> ChannelsLast(const std::vector<float>& values, const Shape& shape) {
  std::vector<float> out(values.size());
  const int64_t outputs = shape[0], channels = shape[1];
  const int64_t window = static_cast<int64_t>(values.size()) / (outputs * channels);
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < window; ++i) {
        out[(n * window + i) * channels + c] = values[(n * channels + c) * window + i];
      }
    }
  }
  return out;
}

Shape WithoutOnes(Shape shape) {
  std::erase(shape, 1);
  return shape;
}

// Whether the shapes have the same dimensions, but for neighbours that one of them multiplies.
bool SameButForGrouping(const Shape& a, const Shape& b) {
  const Shape x = WithoutOnes(a), y = WithoutOnes(b);
  size_t i = 0, j = 0;
  while (i < x.size() && j < y.size()) {
    int64_t left = x[i++], right = y[j++];
    while (left != right) {
      if (left < right) {
        if (i == x.size()) return false;
        left *= x[i++];
      } else {
        if (j == y.size()) return false;
        right *= y[j++];
      }
    }
  }
  return i == x.size() && j == y.size();
}

// `shape` of a checkpoint's convolution, with the channels last.
Shape ChannelsLastShape(const Shape& shape) {
  Shape result = {shape[0]};
  result.insert(result.end(), shape.begin() + 2, shape.end());
  result.push_back(shape[1]);
  return result;
}

}  // namespace

void Checkpoint::AddFile(const std::filesystem::path& path) {
  files_.push_back(std::make_unique<TensorFile>(path, TensorFile::Checksum::kIfPresent));
}

Checkpoint::Checkpoint(const std::filesystem::path& folder, const std::string& stem) {
  namespace fs = std::filesystem;
  const fs::path single = fs::is_regular_file(folder) ? folder : folder / (stem + ".safetensors");
  const fs::path index = folder / (stem + ".safetensors.index.json");
  path_ = single;
  if (fs::exists(single) || !fs::exists(index)) {
    if (!fs::exists(single)) {
      throw Error(ErrorCode::kIo, folder.string(),
                  "holds neither " + stem + ".safetensors nor its index",
                  "pickled .bin checkpoints are not read: save with safe_serialization");
    }
    AddFile(single);
    for (const auto& [name, view] : files_[0]->tensors()) tensors_[name] = &view;
    return;
  }
  path_ = index;
  const Json map = JsonGet<Json>(ParseJson(ReadFile(index, kMaxIndexBytes), index.string()),
                                 "weight_map", index.string());
  if (!map.is_object()) throw Error(ErrorCode::kInput, index.string(), "weight_map is no object");
  std::map<std::string, const TensorFile*> shards;
  for (const auto& [name, value] : map.items()) {
    if (!value.is_string()) {
      throw Error(ErrorCode::kInput, index.string(), "names no file for " + name);
    }
    const auto file = value.get<std::string>();
    if (fs::path(file).filename() != file || file.empty() || file[0] == '.') {
      throw Error(ErrorCode::kInput, index.string(),
                  "names \"" + file + "\", which is not a file beside it");
    }
    if (shards.count(file) == 0) {
      AddFile(folder / file);
      shards[file] = files_.back().get();
    }
    if (!shards[file]->Has(name)) {
      throw Error(ErrorCode::kInput, index.string(), "says that " + file + " holds " + name,
                  "it does not: the checkpoint is incomplete or mixed");
    }
    tensors_[name] = &shards[file]->Get(name);
  }
}

Hash128 Checkpoint::hash() const {
  std::string digits;
  for (const auto& file : files_) digits += file->hash().Hex();
  return HashString(digits);
}

std::vector<float> Checkpoint::Floats(const std::string& name) const {
  const TensorView& view = *tensors_.at(name);
  switch (view.dtype) {
    case DType::kF32: {
      std::vector<float> values(view.elements());
      std::memcpy(values.data(), view.data.data(), view.data.size());
      return values;
    }
    case DType::kF16:
      return ConvertHalves(view, FloatOfHalf);
    case DType::kBF16:
      return ConvertHalves(view, FloatOfBfloat);
    default:
      throw Error(ErrorCode::kInput, path_.string(), "tensor " + name + " is " + NameOf(view.dtype),
                  "F32, F16 or BF16 is expected");
  }
}

std::vector<int32_t> Checkpoint::Integers(const std::string& name) const {
  const TensorView& view = *tensors_.at(name);
  std::vector<int32_t> values(view.elements());
  const size_t size = SizeOf(view.dtype);
  if (view.dtype == DType::kBool || view.dtype == DType::kU8) {
    std::transform(view.data.begin(), view.data.end(), values.begin(),
                   [](std::byte value) { return std::to_integer<int32_t>(value); });
    return values;
  }
  if (view.dtype != DType::kI32 && view.dtype != DType::kI64) {
    throw Error(ErrorCode::kInput, path_.string(), "tensor " + name + " is " + NameOf(view.dtype),
                "BOOL, U8, I32 or I64 is expected");
  }
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t value = 0;
    if (view.dtype == DType::kI64) {
      std::memcpy(&value, view.data.data() + i * size, size);
    } else {
      int32_t narrow = 0;
      std::memcpy(&narrow, view.data.data() + i * size, size);
      value = narrow;
    }
    if (value < INT32_MIN || value > INT32_MAX) {
      throw Error(ErrorCode::kInput, path_.string(), "tensor " + name + " leaves 32 bits");
    }
    values[i] = static_cast<int32_t>(value);
  }
  return values;
}

ParameterSet LoadParameters(const Checkpoint& checkpoint, const Graph& graph,
                            const ParameterSource& source) {
  constexpr size_t kMostNamed = 12;
  ParameterSet set;
  std::set<std::string> used = source.ignored;
  std::vector<std::string> problems;
  for (const auto& [name, shape] : graph.parameters()) {
    if (const auto computed = source.computed.find(name); computed != source.computed.end()) {
      TMPQ_CHECK(static_cast<int64_t>(computed->second.size()) == ElementsOf(shape), name);
      set.Set(name, computed->second);
      continue;
    }
    std::vector<std::string> names = {name, name.substr(0, name.rfind('.'))};  // bare parameters
    if (source.aliases) {
      for (const std::string& alias : source.aliases(name)) names.push_back(alias);
    }
    const auto found = std::find_if(names.begin(), names.end(),
                                    [&](const std::string& n) { return checkpoint.Has(n); });
    if (const auto fallback = source.fallback.find(name);
        found == names.end() && fallback != source.fallback.end()) {
      TMPQ_CHECK(static_cast<int64_t>(fallback->second.size()) == ElementsOf(shape), name);
      set.Set(name, fallback->second);
      continue;
    }
    if (found == names.end()) {
      problems.push_back(name + " is missing");
      continue;
    }
    used.insert(*found);
    const TensorView& view = *checkpoint.tensors().at(*found);
    const bool convolution = view.shape.size() >= 4;
    const Shape given = convolution ? ChannelsLastShape(view.shape) : view.shape;
    const bool fits = convolution && given.size() == shape.size()
                          ? given == shape  // a window of 1 x 7 is none of 7 x 1
                          : SameButForGrouping(given, shape);
    if (!fits) {
      problems.push_back(*found + " is " + ShapeText(view.shape) + ", not " + ShapeText(shape));
      continue;
    }
    std::vector<float> values = checkpoint.Floats(*found);
    if (convolution) values = ChannelsLast(values, view.shape);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      problems.push_back(*found + " holds NaN or infinity");
      continue;
    }
    set.Set(name, std::move(values));
  }
  for (const auto& [name, view] : checkpoint.tensors()) {
    if (used.count(name) == 0) problems.push_back(name + " is unknown");
  }
  if (problems.empty()) return set;
  std::string text;
  for (size_t i = 0; i < problems.size() && i < kMostNamed; ++i) {
    text += (i == 0 ? "" : "; ") + problems[i];
  }
  if (problems.size() > kMostNamed) {
    text += "; and " + std::to_string(problems.size() - kMostNamed) + " more";
  }
  throw Error(ErrorCode::kInput, checkpoint.path().string(),
              "does not fit the network " + graph.name() + ": " + text);
}

}  // namespace tmpq
