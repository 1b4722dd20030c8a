// Words as integers: the captions of the bundled text-to-image and text-to-video models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/core/json.h"

namespace tmpq {

// A closed list of words. Token 0 is padding; word i is token i + 1. An all-padding caption is the
// null caption of classifier-free guidance.
class Vocabulary {
 public:
  Vocabulary() = default;
  // `tokens`: length of an encoded caption.
  Vocabulary(std::vector<std::string> words, int64_t tokens);

  int64_t tokens() const { return tokens_; }
  // Rows of an embedding table.
  int64_t size() const { return static_cast<int64_t>(words_.size()) + 1; }
  // The caption's tokens, padded. Throws kUsage for unknown words and for too many.
  std::vector<int32_t> Encode(const std::string& caption) const;

  Json ToJson() const;
  static Vocabulary FromJson(const Json& json, const std::string& where);

 private:
  std::vector<std::string> words_;
  int64_t tokens_ = 0;
};

}  // namespace tmpq
