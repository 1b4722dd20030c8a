// Text to token ids, as the text encoders of Hugging Face folders were trained to read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tmpq {

// Both have the asked length.
struct TokenizedText {
  std::vector<int32_t> ids;
  std::vector<int32_t> mask;  // 1 for the text's own tokens, 0 for padding
};

// Const-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // `text` is UTF-8; bytes that are none count as U+FFFD. Cut off or padded to `length` tokens, the
  // ones that begin and end a text included. Throws kUsage for a length outside 2..65536.
  virtual TokenizedText Encode(std::string_view text, int64_t length) const = 0;
  // Ids are below it.
  virtual int32_t id_limit() const = 0;
};

// What all kinds do at both ends of Encode. Throws kUsage for a length outside 2..65536.
void CheckTextLength(int64_t length);
// `ids` cut off so that `end` fits, then `end`, then `padding` up to `length`.
TokenizedText Finished(std::vector<int32_t> ids, int64_t length, int32_t end, int32_t padding);

// `folder` holds CLIP's vocab.json and merges.txt, T5's spiece.model, or BERT's vocab.txt;
// tokenizer_config.json and special_tokens_map.json say more where they exist. Throws kIo, kInput,
// and kUnsupported for other kinds of tokenizers.
std::unique_ptr<Tokenizer> LoadTokenizer(const std::filesystem::path& folder);
// Digits that differ where any of the files differs that LoadTokenizer reads.
std::string HashesOfTokenizer(const std::filesystem::path& folder);

}  // namespace tmpq
