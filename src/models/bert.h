// BERT's encoder (Devlin et al., arXiv 1810.04805) as a graph.
#pragma once

#include <cstdint>
#include <string>

#include "src/graph/graph.h"
#include "src/graph/graph_builder.h"

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

// One layer, whose names begin with `p`: x (tokens, width) attends to itself where `mask` is not 0,
// then, unless it is -1, to `others` (any number, any width), as BLIP's texts do to a picture.
NodeId BertLayer(GraphBuilder& b, const BertConfig& config, const std::string& p, NodeId x,
                 NodeId mask, NodeId others = -1);

}  // namespace tmpq
