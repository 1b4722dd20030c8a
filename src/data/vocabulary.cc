#include "src/data/vocabulary.h"

#include <algorithm>
#include <sstream>

#include "src/core/error.h"

namespace tmpq {

Vocabulary::Vocabulary(std::vector<std::string> words, int64_t tokens)
    : words_(std::move(words)), tokens_(tokens) {}

std::vector<int32_t> Vocabulary::Encode(const std::string& caption) const {
  std::vector<int32_t> tokens;
  std::istringstream stream(caption);
  for (std::string word; stream >> word;) {
    const auto found = std::find(words_.begin(), words_.end(), word);
    if (found == words_.end()) {
      std::string known;
      for (const std::string& item : words_) known += (known.empty() ? "" : " ") + item;
      throw Error(ErrorCode::kUsage, "caption \"" + caption + "\"",
                  "the model does not know the word \"" + word + "\"", "it knows: " + known);
    }
    tokens.push_back(static_cast<int32_t>(found - words_.begin()) + 1);
  }
  if (static_cast<int64_t>(tokens.size()) > tokens_) {
    throw Error(ErrorCode::kUsage, "caption \"" + caption + "\"",
                "has " + std::to_string(tokens.size()) + " words",
                "at most " + std::to_string(tokens_));
  }
  tokens.resize(tokens_, 0);
  return tokens;
}

Json Vocabulary::ToJson() const { return {{"words", words_}, {"tokens", tokens_}}; }

Vocabulary Vocabulary::FromJson(const Json& json, const std::string& where) {
  return {JsonGet<std::vector<std::string>>(json, "words", where),
          JsonGet<int64_t>(json, "tokens", where)};
}

}  // namespace tmpq
