// "w4a8": the bit-widths of all weights and all activations; "w4a32": of weights alone.
#pragma once

#include <string>

namespace tmpq {

struct BitPair {
  int weight = 0, activation = 0;
};

// Throws kUsage naming `where` unless wNaM with 2 to 8 bits each, or 32 (float) of activations.
BitPair ParseBitPair(const std::string& text, const std::string& where);

}  // namespace tmpq
