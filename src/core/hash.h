// The one definition of hashing: XXH3, 128 bits, the same on every platform.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tmpq {

struct Hash128 {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const Hash128&) const = default;
  // 32 lower-case hexadecimal digits, most significant first.
  std::string Hex() const;
};

// The inverse of Hex(). Throws kInput naming `where`.
Hash128 HashFromHex(const std::string& text, const std::string& where);

Hash128 HashBytes(std::span<const std::byte> bytes);
Hash128 HashString(std::string_view text);

// Hash of a stream of bytes: equal to HashBytes of their concatenation.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  void Update(std::span<const std::byte> bytes);
  Hash128 Finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tmpq

template <>
struct std::hash<tmpq::Hash128> {
  size_t operator()(const tmpq::Hash128& value) const noexcept { return value.low; }
};
