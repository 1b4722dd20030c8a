// T5's tokenizer: a SentencePiece unigram model (Kudo, arXiv 1804.10959) through its library.
#pragma once

#include <memory>

#include "src/text/special_tokens.h"
#include "src/text/tokenizer.h"

namespace tmpq {

// Equal to transformers' T5Tokenizer.
class T5Tokenizer : public Tokenizer {
 public:
  // `folder` holds spiece.model. Throws kIo, kInput, kCorrupt.
  explicit T5Tokenizer(const std::filesystem::path& folder);
  ~T5Tokenizer() override;

  TokenizedText Encode(std::string_view text, int64_t length) const override;
  int32_t id_limit() const override { return id_limit_; }

 private:
  struct Model;
  std::unique_ptr<Model> model_;
  SpecialTokens special_;  // with the sentinels <extra_id_0>, .., the last ids downwards
  int32_t end_ = 0, padding_ = 0, id_limit_ = 0;
};

}  // namespace tmpq
