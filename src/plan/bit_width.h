// Bit-widths of quantization sites.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace tmpq {

// 2..8, 16 (softmax sites only) or Float. Ordered by width, Float last.
class BitWidth {
 public:
  static constexpr int kFloatBits = 32;  // what Float counts in every cost

  constexpr BitWidth() = default;
  // Throws kUsage unless `bits` is 2..8, 16 or 32.
  static BitWidth Of(int bits);
  static constexpr BitWidth Float() { return BitWidth(); }
  // "4", "16" or "float".
  static BitWidth Parse(const std::string& text);

  constexpr int bits() const { return bits_; }
  constexpr bool is_float() const { return bits_ == kFloatBits; }
  std::string Name() const;

  constexpr auto operator<=>(const BitWidth&) const = default;

 private:
  explicit constexpr BitWidth(uint8_t bits) : bits_(bits) {}
  uint8_t bits_ = kFloatBits;
};

}  // namespace tmpq
