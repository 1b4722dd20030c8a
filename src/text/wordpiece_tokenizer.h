// BERT's tokenizer: words of one script-blind rule, each in the longest pieces that a vocabulary
// has (Devlin et al., arXiv 1810.04805; Wu et al., arXiv 1609.08144).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <unordered_map>

#include "src/text/special_tokens.h"
#include "src/text/tokenizer.h"

namespace tmpq {

// What happens to a text before it is split; tokenizer_config.json's names are in brackets.
struct BertWordOptions {
  bool lower_case = true;        // [do_lower_case]
  bool strip_accents = true;     // [strip_accents]; absent or null: as lower_case
  bool split_ideographs = true;  // [tokenize_chinese_chars] each is a word of its own
};

// Calls `word` with each word of `text`: control characters are dropped, accents and capitals as
// `options` say; words end at white space, and every punctuation character is one.
void ForEachBertWord(std::string_view text, const BertWordOptions& options,
                     const std::function<void(std::u32string_view)>& word);

// Equal to transformers' BertTokenizer.
class WordPieceTokenizer : public Tokenizer {
 public:
  // `folder` holds vocab.txt, a token a line. Throws kIo, kInput, kUnsupported.
  explicit WordPieceTokenizer(const std::filesystem::path& folder);

  TokenizedText Encode(std::string_view text, int64_t length) const override;
  int32_t id_limit() const override { return id_limit_; }

 private:
  void ReadVocabulary(const std::filesystem::path& path);
  // The id of `token`, or -1.
  int32_t Find(const std::string& token) const;
  // Appends the word's pieces, or one unknown token where they do not cover it.
  void AppendPieces(std::u32string_view word, std::vector<int32_t>& ids) const;

  std::unordered_map<std::string, int32_t> ids_;
  SpecialTokens special_;
  BertWordOptions options_;
  int32_t begin_ = 0, end_ = 0, padding_ = 0, unknown_ = 0, id_limit_ = 0;
};

}  // namespace tmpq
