#include "src/text/clip_tokenizer.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/text/unicode.h"

namespace tmpq {
namespace {

constexpr const char* kBegin = "<|startoftext|>";
constexpr const char* kEnd = "<|endoftext|>";
constexpr std::u32string_view kSpecialWords[] = {U"<|startoftext|>", U"<|endoftext|>"};
constexpr std::u32string_view kContractions[] = {U"'s", U"'t",  U"'re", U"'ve",
                                                 U"'m", U"'ll", U"'d"};

// Characters of the word that begins at `at`, which is no white space.
size_t WordLength(std::u32string_view text, size_t at) {
  for (const std::u32string_view contraction : kContractions) {
    if (text.substr(at).starts_with(contraction)) return contraction.size();
  }
  const CharacterClass first = ClassOf(text[at]);
  if (first == CharacterClass::kNumber) return 1;
  size_t end = at + 1;
  while (end < text.size() && ClassOf(text[end]) == first) ++end;
  return end - at;
}

}  // namespace

void ForEachClipWord(std::string_view utf8, const std::function<void(std::string_view)>& word) {
  std::u32string text;
  for (const char32_t character : ComposedText(utf8)) AppendLowerCase(character, text);
  for (size_t at = 0; at < text.size();) {
    if (ClassOf(text[at]) == CharacterClass::kSpace) {
      ++at;
      continue;
    }
    const auto take = [&](size_t length) {
      std::string bytes;
      for (size_t i = at; i < at + length; ++i) AppendUtf8(text[i], bytes);
      word(bytes);
      at += length;
    };
    const std::u32string_view rest = std::u32string_view(text).substr(at);
    const auto* special =
        std::find_if(std::begin(kSpecialWords), std::end(kSpecialWords),
                     [&](std::u32string_view token) { return rest.starts_with(token); });
    if (special == std::end(kSpecialWords)) {
      take(WordLength(text, at));
    } else {  // written in capitals: no special token, but never one word with what follows
      take(2), take(special->size() - 4), take(2);
    }
  }
}

ClipTokenizer::ClipTokenizer(const std::filesystem::path& folder)
    : pairs_(folder / "vocab.json", folder / "merges.txt") {
  const TokenizerConfig config(folder);
  const auto id = [&](const char* key, const std::string& fallback) {
    const std::string token = config.Token(key, fallback);
    const int32_t found = pairs_.Find(token);
    if (found < 0) {
      throw Error(ErrorCode::kInput, folder.string(),
                  std::string(key) + " \"" + token + "\" is not in the vocabulary");
    }
    special_[token] = found;
    return found;
  };
  begin_ = id("bos_token", kBegin), end_ = id("eos_token", kEnd);
  padding_ = id("pad_token", kEnd), unknown_ = id("unk_token", kEnd);
}

TokenizedText ClipTokenizer::Encode(std::string_view text, int64_t length) const {
  CheckTextLength(length);
  std::vector<int32_t> ids = {begin_};
  SplitAtSpecialTokens(
      text, special_,
      [&](std::string_view part) {
        ForEachClipWord(part, [&](std::string_view word) { pairs_.Encode(word, unknown_, ids); });
      },
      [&](int32_t special) { ids.push_back(special); });
  return Finished(std::move(ids), length, end_, padding_);
}

}  // namespace tmpq
