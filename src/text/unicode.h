// What tokenizers ask of Unicode, through ICU.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tmpq {

enum class CharacterClass : uint8_t { kSpace, kLetter, kNumber, kOther };

// By general category: L, N, and the white space of every script.
CharacterClass ClassOf(char32_t character);
// By general category: P; Mn; and control, format, private use (C, but what is not assigned).
bool IsPunctuation(char32_t character);
bool IsNonspacingMark(char32_t character);
bool IsControl(char32_t character);

// UTF-8 to code points in normal form C; ill-formed bytes become U+FFFD.
std::u32string ComposedText(std::string_view utf8);
// UTF-8 to code points as they are; ill-formed bytes become U+FFFD.
std::u32string CodePoints(std::string_view utf8);
// In normal form D.
std::u32string Decomposed(std::u32string_view text);
// Appends the lower case of one character, without regard to its neighbours.
void AppendLowerCase(char32_t character, std::u32string& text);
void AppendUtf8(char32_t character, std::string& utf8);
// Every run of characters that `ClassOf` calls a space, or that is one of `more`, becomes one
// space; none is left at the ends. Ill-formed bytes become U+FFFD.
std::string SingleSpaces(std::string_view utf8, std::u32string_view more);

}  // namespace tmpq
