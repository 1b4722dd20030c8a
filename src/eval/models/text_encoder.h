// A text encoder with its tokenizer: prompts to features on the runtime, in float.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/models/encoder.h"
#include "src/text/tokenizer.h"

namespace tmpq {

// Features, one row a prompt.
using TextRows = std::vector<std::vector<float>>;

// Throws kInput where the tokenizer knows tokens that the graph's "input_ids" may not have.
void CheckTokenizer(const Tokenizer& tokenizer, const Graph& graph, const std::string& where);

// Const-safe.
class TextEncoder {
 public:
  // Throws as CheckTokenizer.
  TextEncoder(std::unique_ptr<Tokenizer> tokenizer, Encoder encoder);

  // The encoder's outputs: "last_hidden_state", "pooled", ...
  bool Has(const std::string& output) const { return encoder_.outputs.count(output) > 0; }

  // Each prompt's `output`, and the tokens' masks. `threads` 0: as many as OpenMP has.
  TextRows Encode(const std::vector<std::string>& prompts, const std::string& output, int threads,
                  TextRows* masks = nullptr) const;

 private:
  std::unique_ptr<Tokenizer> tokenizer_;
  Encoder encoder_;
};

}  // namespace tmpq
