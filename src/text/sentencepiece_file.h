// A SentencePiece model's bytes, checked before the library trusts them.
#pragma once

#include <string>
#include <string_view>

namespace tmpq {

// Throws kCorrupt unless `bytes` are a ModelProto of a unigram model with finite scores, whose
// character map (a double array of Darts and its strings) stays within itself wherever a text may
// lead. `where` names the file.
void CheckSentencePieceModel(std::string_view bytes, const std::string& where);

}  // namespace tmpq
