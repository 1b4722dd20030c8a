#include "src/text/tokenizer.h"

#include "src/core/error.h"
#include "src/text/clip_tokenizer.h"
#include "src/text/t5_tokenizer.h"

namespace tmpq {

std::unique_ptr<Tokenizer> LoadTokenizer(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  if (fs::exists(folder / "spiece.model")) return std::make_unique<T5Tokenizer>(folder);
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    return std::make_unique<ClipTokenizer>(folder);
  }
  if (!fs::is_directory(folder)) throw Error(ErrorCode::kIo, folder.string(), "is no folder");
  throw Error(ErrorCode::kUnsupported, folder.string(), "holds no tokenizer that is known",
              "known are CLIP's vocab.json with merges.txt, and T5's spiece.model");
}

}  // namespace tmpq
