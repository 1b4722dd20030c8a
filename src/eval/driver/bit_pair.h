// "w4a8": the bit-widths of all weights and all activations.
#pragma once

#include <string>

namespace tmpq {

struct BitPair {
  int weight = 0, activation = 0;
};

// Throws kUsage naming `where` unless wNaM with 2 to 8 bits each.
BitPair ParseBitPair(const std::string& text, const std::string& where);

}  // namespace tmpq
