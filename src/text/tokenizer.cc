#include "src/text/tokenizer.h"

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/text/clip_tokenizer.h"
#include "src/text/t5_tokenizer.h"
#include "src/text/wordpiece_tokenizer.h"

namespace tmpq {

void CheckTextLength(int64_t length) {
  CheckRange("number of tokens", static_cast<double>(length), 2, 65536);
}

TokenizedText Finished(std::vector<int32_t> ids, int64_t length, int32_t end, int32_t padding) {
  if (static_cast<int64_t>(ids.size()) >= length) ids.resize(length - 1);
  ids.push_back(end);
  TokenizedText result;
  result.mask.assign(ids.size(), 1);
  result.mask.resize(length, 0);
  ids.resize(length, padding);
  result.ids = std::move(ids);
  return result;
}

std::unique_ptr<Tokenizer> LoadTokenizer(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  if (fs::exists(folder / "spiece.model")) return std::make_unique<T5Tokenizer>(folder);
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    return std::make_unique<ClipTokenizer>(folder);
  }
  if (fs::exists(folder / "vocab.txt")) return std::make_unique<WordPieceTokenizer>(folder);
  if (!fs::is_directory(folder)) throw Error(ErrorCode::kIo, folder.string(), "is no folder");
  throw Error(
      ErrorCode::kUnsupported, folder.string(), "holds no tokenizer that is known",
      "known are CLIP's vocab.json with merges.txt, T5's spiece.model and BERT's vocab.txt");
}

std::string HashesOfTokenizer(const std::filesystem::path& folder) {
  std::string text;
  for (const char* file : {"vocab.json", "merges.txt", "tokenizer_config.json",
                           "special_tokens_map.json", "vocab.txt", "spiece.model"}) {
    if (std::filesystem::exists(folder / file)) text += HashString(ReadFile(folder / file)).Hex();
  }
  return text;
}

}  // namespace tmpq
