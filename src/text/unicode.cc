#include "src/text/unicode.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include "src/core/error.h"

namespace tmpq {
namespace {

icu::UnicodeString FromUtf8(std::string_view utf8) {
  if (utf8.size() > INT32_MAX / 4) {
    throw Error(ErrorCode::kInput, "text", "has " + std::to_string(utf8.size()) + " bytes",
                "at most 2^29 are read");
  }
  return icu::UnicodeString::fromUTF8(
      icu::StringPiece(utf8.data(), static_cast<int32_t>(utf8.size())));
}

template <typename Visit>
void ForEachCharacter(const icu::UnicodeString& text, Visit visit) {
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) {
    visit(static_cast<char32_t>(text.char32At(i)));
  }
}

std::u32string FromIcu(const icu::UnicodeString& text) {
  std::u32string points;
  points.reserve(text.length());
  ForEachCharacter(text, [&](char32_t c) { points.push_back(c); });
  return points;
}

// `normalizer` and `status`: as one of ICU's getters gives them.
std::u32string Normalized(const icu::Normalizer2* normalizer, UErrorCode status,
                          const icu::UnicodeString& text) {
  icu::UnicodeString result;
  if (U_SUCCESS(status)) result = normalizer->normalize(text, status);
  if (U_FAILURE(status)) {
    throw Error(ErrorCode::kIo, "ICU", std::string("cannot normalize: ") + u_errorName(status));
  }
  return FromIcu(result);
}

uint32_t CategoryMask(char32_t character) { return U_GET_GC_MASK(static_cast<UChar32>(character)); }

}  // namespace

CharacterClass ClassOf(char32_t character) {
  const uint32_t category = CategoryMask(character);
  if ((category & U_GC_L_MASK) != 0) return CharacterClass::kLetter;
  if ((category & U_GC_N_MASK) != 0) return CharacterClass::kNumber;
  return u_isUWhiteSpace(static_cast<UChar32>(character)) ? CharacterClass::kSpace
                                                          : CharacterClass::kOther;
}

bool IsPunctuation(char32_t character) { return (CategoryMask(character) & U_GC_P_MASK) != 0; }

bool IsNonspacingMark(char32_t character) { return (CategoryMask(character) & U_GC_MN_MASK) != 0; }

bool IsControl(char32_t character) {
  return (CategoryMask(character) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0;
}

std::u32string ComposedText(std::string_view utf8) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* composer = icu::Normalizer2::getNFCInstance(status);
  return Normalized(composer, status, FromUtf8(utf8));
}

std::u32string CodePoints(std::string_view utf8) { return FromIcu(FromUtf8(utf8)); }

std::u32string Decomposed(std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* decomposer = icu::Normalizer2::getNFDInstance(status);
  return Normalized(decomposer, status,
                    icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                                  static_cast<int32_t>(text.size())));
}

void AppendLowerCase(char32_t character, std::u32string& text) {
  icu::UnicodeString one(static_cast<UChar32>(character));
  ForEachCharacter(one.toLower(icu::Locale::getRoot()), [&](char32_t c) { text.push_back(c); });
}

void AppendUtf8(char32_t character, std::string& utf8) {
  icu::UnicodeString(static_cast<UChar32>(character)).toUTF8String(utf8);
}

std::string SingleSpaces(std::string_view utf8, std::u32string_view more) {
  std::string result;
  bool space = false;
  ForEachCharacter(FromUtf8(utf8), [&](char32_t c) {
    if (ClassOf(c) == CharacterClass::kSpace || more.find(c) != std::u32string_view::npos) {
      space = true;
      return;
    }
    if (space && !result.empty()) result += ' ';
    space = false;
    AppendUtf8(c, result);
  });
  return result;
}

}  // namespace tmpq
