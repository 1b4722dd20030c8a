#include "src/core/hash.h"

#include <xxhash.h>

#include <charconv>
#include <cstdio>

#include "src/core/error.h"

namespace tmpq {

std::string Hash128::Hex() const {
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(high),
                static_cast<unsigned long long>(low));
  return text;
}

Hash128 HashFromHex(const std::string& text, const std::string& where) {
  Hash128 hash;
  const auto parse = [&](size_t begin, uint64_t& half) {
    const char* first = text.data() + begin;
    const auto [end, error] = std::from_chars(first, first + 16, half, 16);
    return error == std::errc() && end == first + 16;
  };
  if (text.size() != 32 || !parse(0, hash.high) || !parse(16, hash.low)) {
    throw Error(ErrorCode::kInput, where, "\"" + text + "\" is not a hash");
  }
  return hash;
}

Hash128 HashBytes(std::span<const std::byte> bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.high64, hash.low64};
}

Hash128 HashString(std::string_view text) {
  return HashBytes(std::as_bytes(std::span(text.data(), text.size())));
}

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
  ~State() { XXH3_freeState(xxh); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  TMPQ_CHECK(state_->xxh != nullptr, "no memory for a hash state");
  XXH3_128bits_reset(state_->xxh);
}

Hasher::~Hasher() = default;

void Hasher::Update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Hash128 Hasher::Finish() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->xxh);
  return {hash.high64, hash.low64};
}

}  // namespace tmpq
