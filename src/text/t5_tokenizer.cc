#include "src/text/t5_tokenizer.h"

#include <sentencepiece_processor.h>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/text/sentencepiece_file.h"
#include "src/text/unicode.h"

namespace tmpq {
namespace {

constexpr const char* kModelName = "spiece.model";
constexpr int64_t kExtraIds = 100;
constexpr int64_t kMostExtraIds = 10000;
// The character that SentencePiece writes for a space.
constexpr std::u32string_view kSpaceSymbol = U"\u2581";

// Runs what returns a status of SentencePiece's; it may throw, too. `where`: what is being read.
template <typename Call>
void Check(ErrorCode code, const std::string& where, Call call) {
  std::string problem;
  try {
    const auto status = call();
    if (status.ok()) return;
    problem = status.ToString();
  } catch (const std::exception& error) {
    problem = error.what();
  }
  throw Error(code, where, "is not read by SentencePiece: " + problem);
}

}  // namespace

struct T5Tokenizer::Model {
  sentencepiece::SentencePieceProcessor processor;
};

T5Tokenizer::T5Tokenizer(const std::filesystem::path& folder) : model_(std::make_unique<Model>()) {
  const auto path = folder / kModelName;
  const std::string bytes = ReadFile(path, kMostTokenizerBytes);
  CheckSentencePieceModel(bytes, path.string());
  sentencepiece::SentencePieceProcessor& processor = model_->processor;
  Check(ErrorCode::kCorrupt, path.string(),
        [&] { return processor.LoadFromSerializedProto(bytes); });
  const TokenizerConfig config(folder);
  const int32_t pieces = processor.GetPieceSize();
  const int64_t extra = config.Number("extra_ids", kExtraIds);
  if (extra < 0 || extra > kMostExtraIds) {
    throw Error(ErrorCode::kInput, folder.string(), "extra_ids is " + std::to_string(extra));
  }
  const auto id = [&](const char* key, const char* fallback) {
    const std::string token = config.Token(key, fallback);
    const int32_t found = processor.PieceToId(token);
    if (found < 0 || found >= pieces || processor.IdToPiece(found) != token) {
      throw Error(ErrorCode::kInput, path.string(),
                  std::string(key) + " \"" + token + "\" is not among its pieces");
    }
    special_[token] = found;
    return found;
  };
  end_ = id("eos_token", "</s>"), padding_ = id("pad_token", "<pad>");
  id("unk_token", "<unk>");
  id_limit_ = pieces + static_cast<int32_t>(extra);
  for (int32_t i = 0; i < extra; ++i) {
    special_["<extra_id_" + std::to_string(i) + ">"] = id_limit_ - 1 - i;
  }
}

T5Tokenizer::~T5Tokenizer() = default;

TokenizedText T5Tokenizer::Encode(std::string_view text, int64_t length) const {
  CheckTextLength(length);
  std::vector<int32_t> ids;
  SplitAtSpecialTokens(
      text, special_,
      [&](std::string_view part) {
        std::vector<int> found;
        Check(ErrorCode::kInput, "text",
              [&] { return model_->processor.Encode(SingleSpaces(part, kSpaceSymbol), &found); });
        ids.insert(ids.end(), found.begin(), found.end());
      },
      [&](int32_t special) { ids.push_back(special); });
  return Finished(std::move(ids), length, end_, padding_);
}

}  // namespace tmpq
