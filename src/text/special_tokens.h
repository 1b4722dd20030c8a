// Tokens that are no part of the language: begin, end, padding. Found in a text verbatim, before
// anything else happens to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "src/core/json.h"

namespace tmpq {

inline constexpr size_t kMostTokenizerBytes = size_t{1} << 26;
inline constexpr int32_t kMostTokens = 1 << 24;

// tokenizer_config.json and special_tokens_map.json of a folder; both may be missing.
class TokenizerConfig {
 public:
  explicit TokenizerConfig(const std::filesystem::path& folder);

  // The token called `key` ("pad_token"), a string or an object with one; `fallback` where neither
  // file has it.
  std::string Token(const std::string& key, const std::string& fallback) const;
  int64_t Number(const std::string& key, int64_t fallback) const;
  std::string Text(const std::string& key, const std::string& fallback) const;
  bool Flag(const std::string& key, bool fallback) const;

 private:
  struct File {
    std::string where;
    Json json;
  };
  // The first file's value of `key` that is not null.
  template <typename T>
  T Value(const std::string& key, const T& fallback) const;

  std::vector<File> files_;
};

// Special tokens by their text.
using SpecialTokens = std::map<std::string, int32_t>;

// Calls `plain` with the parts of `text` between special tokens, and `special` with their ids, in
// order. Of tokens that begin at the same place the longest counts.
void SplitAtSpecialTokens(std::string_view text, const SpecialTokens& tokens,
                          const std::function<void(std::string_view)>& plain,
                          const std::function<void(int32_t)>& special);

}  // namespace tmpq
