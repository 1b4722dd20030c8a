#include "src/text/sentencepiece_file.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#include "src/core/error.h"
#include "src/text/special_tokens.h"

namespace tmpq {
namespace {

// Fields of sentencepiece_model.proto.
constexpr uint32_t kPieces = 1, kTrainer = 2, kNormalizer = 3, kDenormalizer = 5;
constexpr uint32_t kPieceText = 1, kPieceScore = 2;
constexpr uint32_t kModelType = 3;
constexpr uint64_t kUnigram = 1;
constexpr uint32_t kCharacterMap = 2;

constexpr uint32_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;  // wire types

// One field of a message in protobuf's wire format.
struct Field {
  uint32_t number = 0, type = 0;
  uint64_t value = 0;      // varint, fixed32, fixed64
  std::string_view bytes;  // length-delimited
};

class Checker {
 public:
  explicit Checker(const std::string& where) : where_(where) {}

  [[noreturn]] void Fail(const std::string& what) const {
    throw Error(ErrorCode::kCorrupt, where_, what, "a SentencePiece unigram model is expected");
  }

  void ForEachField(std::string_view message, const std::function<void(const Field&)>& visit) {
    size_t at = 0;
    while (at < message.size()) {
      const uint64_t key = Varint(message, at);
      Field field{static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7), 0, {}};
      if (key >> 32 != 0 || field.number == 0) Fail("has a field that cannot be");
      switch (field.type) {
        case kVarint:
          field.value = Varint(message, at);
          break;
        case kFixed64:
          Fixed(message, 8, at);
          break;
        case kFixed32:
          field.value = Fixed(message, 4, at);
          break;
        case kBytes: {
          const uint64_t size = Varint(message, at);
          if (size > message.size() - at) Fail("is cut off");
          field.bytes = message.substr(at, size);
          at += size;
          break;
        }
        default:
          Fail("has a field of an unknown kind");
      }
      visit(field);
    }
  }

 private:
  uint64_t Varint(std::string_view message, size_t& at) const {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at == message.size()) Fail("is cut off");
      const auto byte = static_cast<uint8_t>(message[at++]);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    Fail("has a number that is too long");
  }
  uint64_t Fixed(std::string_view message, size_t size, size_t& at) const {
    if (size > message.size() - at) Fail("is cut off");
    uint64_t value = 0;
    std::memcpy(&value, message.data() + at, size);
    at += size;
    return value;
  }

  const std::string& where_;
};

// A double array: a lookup goes from unit i by byte c to unit i ^ offset(i) ^ c, and takes the
// value, a place in the strings, from unit i ^ offset(i) where unit i has a leaf.
void CheckCharacterMap(std::string_view map, const Checker& checker) {
  if (map.empty()) return;
  uint32_t size = 0;
  if (map.size() <= sizeof(size)) checker.Fail("has a character map that is cut off");
  std::memcpy(&size, map.data(), sizeof(size));
  map.remove_prefix(sizeof(size));
  if (size == 0 || size % 1024 != 0 || size >= map.size() || map.back() != '\0') {
    checker.Fail("has a character map whose parts do not fit it");
  }
  const uint32_t count = size / 4;
  const uint64_t strings = map.size() - size;
  const auto unit = [&](uint32_t i) {
    uint32_t value;
    std::memcpy(&value, map.data() + 4 * static_cast<size_t>(i), sizeof(value));
    return value;
  };
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t bits = unit(i);
    if (i > 0 && bits >> 31 != 0) continue;  // a value; no byte matches it
    const uint32_t target = i ^ ((bits >> 10) << ((bits & 512) >> 6));
    const bool leaf = (bits >> 8 & 1) != 0;
    if ((target | 255) >= count || (leaf && (unit(target) & 0x7fffffff) >= strings)) {
      checker.Fail("has a character map that leads outside itself");
    }
  }
}

}  // namespace

void CheckSentencePieceModel(std::string_view bytes, const std::string& where) {
  Checker checker(where);
  int32_t pieces = 0;
  std::string_view text;  // of the piece that is being read
  const auto piece = [&](const Field& field) {
    float score = 0;
    const auto low = static_cast<uint32_t>(field.value);
    if (field.number == kPieceScore && field.type == kFixed32) {
      std::memcpy(&score, &low, sizeof(score));
    }
    if (!std::isfinite(score)) checker.Fail("has a piece whose score is no number");
    if (field.number == kPieceText) text = field.bytes;
  };
  const auto trainer = [&](const Field& field) {
    if (field.number == kModelType && field.value != kUnigram) checker.Fail("is no unigram model");
  };
  const auto normalizer = [&](const Field& field) {
    if (field.number == kCharacterMap) CheckCharacterMap(field.bytes, checker);
  };
  checker.ForEachField(bytes, [&](const Field& field) {
    if (field.type != kBytes) return;
    if (field.number == kPieces && ++pieces > kMostTokens) checker.Fail("has too many pieces");
    if (field.number == kPieces) {
      text = {};
      checker.ForEachField(field.bytes, piece);
      if (text.empty() || text.find('\0') != text.npos) checker.Fail("has a piece with no text");
    }
    if (field.number == kTrainer) checker.ForEachField(field.bytes, trainer);
    if (field.number == kNormalizer || field.number == kDenormalizer) {
      checker.ForEachField(field.bytes, normalizer);
    }
  });
  if (pieces == 0) checker.Fail("has no pieces");
}

}  // namespace tmpq
