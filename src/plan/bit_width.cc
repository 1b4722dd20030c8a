#include "src/plan/bit_width.h"

#include "src/core/error.h"

namespace tmpq {

BitWidth BitWidth::Of(int bits) {
  if (!((bits >= 2 && bits <= 8) || bits == 16 || bits == kFloatBits)) {
    throw Error(ErrorCode::kUsage, "bit-width", std::to_string(bits) + " is not supported",
                "allowed are 2 to 8, 16 for softmax, and float");
  }
  return BitWidth(static_cast<uint8_t>(bits));
}

BitWidth BitWidth::Parse(const std::string& text) {
  if (text == "float") return Float();
  if (!text.empty() && text.size() <= 2 &&
      text.find_first_not_of("0123456789") == std::string::npos) {
    return Of(std::stoi(text));
  }
  throw Error(ErrorCode::kUsage, "bit-width", "\"" + text + "\" is not a bit-width",
              "allowed are 2 to 8, 16 for softmax, and float");
}

std::string BitWidth::Name() const { return is_float() ? "float" : std::to_string(bits_); }

}  // namespace tmpq
