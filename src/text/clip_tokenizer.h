// CLIP's tokenizer: lower-cased words, split by Unicode classes, in byte pairs.
#pragma once

#include <functional>
#include <string>

#include "src/text/byte_pairs.h"
#include "src/text/special_tokens.h"
#include "src/text/tokenizer.h"

namespace tmpq {

// Equal to transformers' CLIPTokenizer.
class ClipTokenizer : public Tokenizer {
 public:
  // `folder` holds vocab.json and merges.txt. Throws kIo, kInput.
  explicit ClipTokenizer(const std::filesystem::path& folder);

  TokenizedText Encode(std::string_view text, int64_t length) const override;
  int32_t id_limit() const override { return pairs_.id_limit(); }

 private:
  BytePairs pairs_;
  SpecialTokens special_;
  int32_t begin_ = 0, end_ = 0, padding_ = 0, unknown_ = 0;
};

// Calls `word` with each word of `text`, lower-cased and composed: the contractions 's 't 're 've
// 'm 'll 'd, runs of letters, single numbers, runs of anything else but white space.
void ForEachClipWord(std::string_view text, const std::function<void(std::string_view)>& word);

}  // namespace tmpq
