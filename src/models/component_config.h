// The config.json of one component of a Hugging Face folder, and what a loader makes of it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/json.h"
#include "src/graph/graph.h"
#include "src/models/checkpoint.h"

namespace tmpq {

inline constexpr const char* kConfigName = "config.json";
inline constexpr const char* kDiffusersWeights = "diffusion_pytorch_model";
inline constexpr size_t kMostConfigBytes = size_t{1} << 24;

// A component's config.json, where null means absent, as diffusers has it.
class ComponentConfig {
 public:
  explicit ComponentConfig(const std::filesystem::path& path)
      : where_(path.string()), json_(ParseJson(ReadFile(path, kMostConfigBytes), where_)) {
    if (!json_.is_object()) throw Error(ErrorCode::kInput, where_, "is not a JSON object");
  }

  // An object inside another file's, called `where`.
  ComponentConfig(Json json, std::string where) : where_(std::move(where)), json_(std::move(json)) {
    if (!json_.is_object()) throw Error(ErrorCode::kInput, where_, "is not a JSON object");
  }

  const std::string& where() const { return where_; }
  bool Has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  const Json& Raw(const char* key) const { return json_[key]; }
  template <typename T>
  T Get(const char* key, T fallback) const {
    return Has(key) ? JsonGet<T>(json_, key, where_) : fallback;
  }
  template <typename T>
  T Get(const char* key) const {
    return JsonGet<T>(json_, key, where_);
  }
  // A positive size.
  int64_t Size(const char* key, std::optional<int64_t> fallback = {}) const {
    constexpr int64_t kMost = 1 << 20;
    const int64_t value = fallback ? Get<int64_t>(key, *fallback) : Get<int64_t>(key);
    if (value < 1 || value > kMost) {
      throw Error(ErrorCode::kInput, where_, std::string(key) + " is " + std::to_string(value),
                  "a size from 1 to " + std::to_string(kMost) + " is expected");
    }
    return value;
  }
  // A number, `least` or more, for each of `count` levels: a list, or one number for all.
  std::vector<int> PerLevel(const char* key, size_t count, int fallback, int least = 1) const {
    std::vector<int> values(count, fallback);
    if (Has(key)) {
      if (Raw(key).is_number()) {
        std::fill(values.begin(), values.end(), Get<int>(key));
      } else {
        values = Get<std::vector<int>>(key);
      }
    }
    if (values.size() != count || std::any_of(values.begin(), values.end(),
                                              [&](int v) { return v < least || v > (1 << 20); })) {
      throw Error(ErrorCode::kInput, where_, std::string(key) + " has not a size for every level");
    }
    return values;
  }
  // Refuses a config that asks for more than the builder has.
  template <typename T>
  void Expect(const char* key, const T& value) const {
    if (!Has(key) || Raw(key) == Json(value)) return;
    throw Error(ErrorCode::kUnsupported, where_,
                std::string(key) + " = " + Raw(key).dump() + " is not supported",
                "supported is " + Json(value).dump());
  }

 private:
  std::string where_;
  Json json_;
};

// What early checkpoints call the layers of an attention.
inline std::vector<std::string> OldAttentionNames(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [now, before] :
       {std::pair{".to_q.", ".query."}, std::pair{".to_k.", ".key."},
        std::pair{".to_v.", ".value."}, std::pair{".to_out.0.", ".proj_attn."}}) {
    const size_t at = name.find(now);
    if (at == std::string::npos) continue;
    names.push_back(std::string(name).replace(at, std::string(now).size(), before));
  }
  return names;
}

// A network and where its parameters are found.
struct BuiltNetwork {
  Graph graph;
  ParameterSource source;
};

}  // namespace tmpq
