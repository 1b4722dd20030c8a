#include "src/text/wordpiece_tokenizer.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/text/unicode.h"

namespace tmpq {
namespace {

constexpr const char* kVocabularyName = "vocab.txt";
constexpr const char* kContinues = "##";  // before a piece that does not begin its word
constexpr size_t kMostCharacters = 100;   // of a word; longer ones are unknown

// The CJK ideographs' blocks as BERT's tokenizer has them.
bool IsIdeograph(char32_t c) {
  constexpr struct {
    char32_t first, last;
  } kBlocks[] = {{0x4e00, 0x9fff},   {0x3400, 0x4dbf},   {0x20000, 0x2a6df}, {0x2a700, 0x2b73f},
                 {0x2b740, 0x2b81f}, {0x2b920, 0x2ceaf}, {0xf900, 0xfaff},   {0x2f800, 0x2fa1f}};
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [c](const auto& block) { return c >= block.first && c <= block.last; });
}

bool IsSpace(char32_t c) { return ClassOf(c) == CharacterClass::kSpace; }

// ASCII symbols such as $ and ^ count, though Unicode calls them none.
bool IsBertPunctuation(char32_t c) {
  const bool ascii = (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
                     (c >= 123 && c <= 126);
  return ascii || IsPunctuation(c);
}

// Without control characters, white space as spaces, ideographs between spaces.
std::u32string CleanText(std::string_view utf8, bool split_ideographs) {
  std::u32string text;
  for (const char32_t c : CodePoints(utf8)) {
    const bool kept = c == '\t' || c == '\n' || c == '\r';
    if (c == 0xfffd || (IsControl(c) && !kept)) continue;
    if (kept || IsSpace(c)) {
      text += U' ';
    } else if (split_ideographs && IsIdeograph(c)) {
      text += {U' ', c, U' '};
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void ForEachBertWord(std::string_view utf8, const BertWordOptions& options,
                     const std::function<void(std::u32string_view)>& word) {
  std::u32string text = CleanText(utf8, options.split_ideographs);
  if (options.strip_accents) {
    text = Decomposed(text);
    std::erase_if(text, IsNonspacingMark);
  }
  if (options.lower_case) {
    std::u32string lower;
    for (const char32_t c : text) AppendLowerCase(c, lower);
    text = std::move(lower);
  }
  size_t begin = 0;
  const std::u32string_view view = text;
  const auto flush = [&](size_t end) {
    if (end > begin) word(view.substr(begin, end - begin));
  };
  for (size_t at = 0; at < text.size(); ++at) {
    const bool punctuation = IsBertPunctuation(text[at]);
    if (!punctuation && !IsSpace(text[at])) continue;
    flush(at);
    if (punctuation) word(view.substr(at, 1));
    begin = at + 1;
  }
  flush(text.size());
}

WordPieceTokenizer::WordPieceTokenizer(const std::filesystem::path& folder) {
  const auto path = folder / kVocabularyName;
  ReadVocabulary(path);
  const TokenizerConfig config(folder);
  const auto id = [&](const char* key, const char* fallback) {
    const std::string token = config.Token(key, fallback);
    const int32_t found = Find(token);
    if (found < 0) {
      throw Error(ErrorCode::kInput, path.string(),
                  std::string(key) + " \"" + token + "\" is not in the vocabulary");
    }
    special_[token] = found;
    return found;
  };
  begin_ = id("cls_token", "[CLS]"), end_ = id("sep_token", "[SEP]");
  padding_ = id("pad_token", "[PAD]"), unknown_ = id("unk_token", "[UNK]");
  const std::string mask = config.Token("mask_token", "[MASK]");
  if (Find(mask) >= 0) special_[mask] = Find(mask);
  if (!config.Flag("do_basic_tokenize", true)) {
    throw Error(ErrorCode::kUnsupported, folder.string(), "do_basic_tokenize is false",
                "texts are split into words before their pieces are found");
  }
  options_.lower_case = config.Flag("do_lower_case", true);
  options_.strip_accents = config.Flag("strip_accents", options_.lower_case);
  options_.split_ideographs = config.Flag("tokenize_chinese_chars", true);
}

void WordPieceTokenizer::ReadVocabulary(const std::filesystem::path& path) {
  const std::string text = ReadFile(path, kMostTokenizerBytes);
  for (size_t begin = 0; begin < text.size(); ++id_limit_) {
    if (id_limit_ == kMostTokens) {
      throw Error(ErrorCode::kInput, path.string(), "has too many tokens",
                  "at most " + std::to_string(kMostTokens) + " are read");
    }
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    std::string token = text.substr(begin, end - begin);
    if (!token.empty() && token.back() == '\r') token.pop_back();
    ids_[std::move(token)] = id_limit_;
    begin = end + 1;
  }
}

int32_t WordPieceTokenizer::Find(const std::string& token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

void WordPieceTokenizer::AppendPieces(std::u32string_view word, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  const auto fail = [&] {
    ids.resize(before);
    ids.push_back(unknown_);
  };
  if (word.size() > kMostCharacters) return fail();
  for (size_t begin = 0; begin < word.size();) {
    const std::string prefix = begin > 0 ? kContinues : "";
    // Pieces of 1, 2, .. characters; the longest known one counts.
    std::string piece = prefix;
    int32_t longest = -1;
    size_t end = begin;
    for (size_t at = begin; at < word.size(); ++at) {
      AppendUtf8(word[at], piece);
      if (const int32_t found = Find(piece); found >= 0) longest = found, end = at + 1;
    }
    if (longest < 0) return fail();
    ids.push_back(longest);
    begin = end;
  }
}

TokenizedText WordPieceTokenizer::Encode(std::string_view text, int64_t length) const {
  CheckTextLength(length);
  std::vector<int32_t> ids = {begin_};
  SplitAtSpecialTokens(
      text, special_,
      [&](std::string_view part) {
        ForEachBertWord(part, options_, [&](std::u32string_view word) { AppendPieces(word, ids); });
      },
      [&](int32_t special) { ids.push_back(special); });
  return Finished(std::move(ids), length, end_, padding_);
}

}  // namespace tmpq
