// BERT's encoder (Devlin et al., arXiv 1810.04805) as a graph.
#pragma once

#include <cstdint>

#include "src/graph/graph.h"

namespace tmpq {

struct BertConfig {
  int64_t vocabulary = 30522;
  int64_t tokens = 512;  // of a text; the table of positions may hold more
  int64_t width = 768;
  int64_t inner = 3072;  // of the feed-forward layers
  int64_t depth = 12;
  int64_t heads = 12;
  double norm_epsilon = 1e-12;
};

// Their parameters are rows of a checkpoint's tables: the first positions', and that of token type
// 0, which all tokens of one text have.
inline constexpr const char* kBertPositions = "embeddings.position_embeddings";
inline constexpr const char* kBertTokenType = "embeddings.token_type_embeddings";

// "input_ids" (tokens) and "attention_mask" (tokens), 0 for padding -> the last hidden state
// (tokens, width). Nodes carry the module names of transformers' BertModel; no quantization sites.
Graph BuildBert(const BertConfig& config);

}  // namespace tmpq
