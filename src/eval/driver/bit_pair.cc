#include "src/eval/driver/bit_pair.h"

#include <cstdio>

#include "src/core/error.h"
#include "src/plan/bit_width.h"

namespace tmpq {

BitPair ParseBitPair(const std::string& text, const std::string& where) {
  BitPair pair;
  int read = 0;
  const int fields = std::sscanf(text.c_str(), "w%da%d%n", &pair.weight, &pair.activation, &read);
  const auto legal = [](int bits) { return bits >= 2 && bits <= 8; };
  if (fields != 2 || read != static_cast<int>(text.size()) || !legal(pair.weight) ||
      !(legal(pair.activation) || pair.activation == BitWidth::kFloatBits)) {
    throw Error(ErrorCode::kUsage, where, "is no pair of bit-widths: \"" + text + "\"",
                "such as w4a8, 2 to 8 bits each, or w4a32, where activations are float");
  }
  return pair;
}

}  // namespace tmpq
