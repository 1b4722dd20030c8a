#include "src/text/special_tokens.h"

#include "src/core/error.h"
#include "src/core/file.h"

namespace tmpq {

TokenizerConfig::TokenizerConfig(const std::filesystem::path& folder) {
  for (const char* name : {"tokenizer_config.json", "special_tokens_map.json"}) {
    const auto path = folder / name;
    if (!std::filesystem::exists(path)) continue;
    Json json = ParseJson(ReadFile(path, kMostTokenizerBytes), path.string());
    if (!json.is_object()) throw Error(ErrorCode::kInput, path.string(), "is not a JSON object");
    files_.push_back({path.string(), std::move(json)});
  }
}

std::string TokenizerConfig::Token(const std::string& key, const std::string& fallback) const {
  for (const File& file : files_) {
    if (!file.json.contains(key) || file.json[key].is_null()) continue;
    const Json& value = file.json[key];
    const auto token = value.is_object() ? JsonGet<std::string>(value, "content", file.where)
                                         : JsonGet<std::string>(file.json, key, file.where);
    if (token.empty()) throw Error(ErrorCode::kInput, file.where, key + " is empty");
    return token;
  }
  return fallback;
}

template <typename T>
T TokenizerConfig::Value(const std::string& key, const T& fallback) const {
  for (const File& file : files_) {
    if (file.json.contains(key) && !file.json[key].is_null())
      return JsonGet<T>(file.json, key, file.where);
  }
  return fallback;
}

int64_t TokenizerConfig::Number(const std::string& key, int64_t fallback) const {
  return Value(key, fallback);
}

std::string TokenizerConfig::Text(const std::string& key, const std::string& fallback) const {
  return Value(key, fallback);
}

bool TokenizerConfig::Flag(const std::string& key, bool fallback) const {
  return Value(key, fallback);
}

void SplitAtSpecialTokens(std::string_view text, const SpecialTokens& tokens,
                          const std::function<void(std::string_view)>& plain,
                          const std::function<void(int32_t)>& special) {
  size_t begin = 0;
  const auto flush = [&](size_t end) {
    if (end > begin) plain(text.substr(begin, end - begin));
  };
  for (size_t at = 0; at < text.size();) {
    const SpecialTokens::value_type* longest = nullptr;
    for (const auto& token : tokens) {
      if (text.compare(at, token.first.size(), token.first) == 0 &&
          (longest == nullptr || token.first.size() > longest->first.size())) {
        longest = &token;
      }
    }
    if (longest == nullptr) {
      ++at;
      continue;
    }
    flush(at);
    special(longest->second);
    begin = at += longest->first.size();
  }
  flush(text.size());
}

}  // namespace tmpq
