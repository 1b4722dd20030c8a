// The encoder of T5 1.1 and mT5 (Raffel et al., arXiv 1910.10683; Shazeer, arXiv 2002.05202) as a
// graph.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

struct T5Config {
  int64_t vocabulary = 32128;
  int64_t tokens = 120;
  int64_t width = 512;
  int64_t head_features = 64;
  int64_t heads = 6;
  int64_t inner = 1024;  // of the gated feed-forward layers
  int64_t depth = 8;
  int64_t buckets = 32;  // of relative positions
  int64_t max_distance = 128;
  double norm_epsilon = 1e-6;
};

// The node whose parameter is what PositionBias makes.
inline constexpr const char* kT5PositionBias = "position_bias";

// "input_ids" (tokens) and "attention_mask" (tokens), 0 for padding -> the last hidden state
// (tokens, width). Nodes carry the module names of transformers' T5EncoderModel; no quantization
// sites.
Graph BuildT5Encoder(const T5Config& config);

// Bucket of a key `distance` tokens after the query (negative: before): half of the buckets each
// way, the nearest distances one each, farther ones in logarithmic steps up to max_distance.
int64_t T5RelativeBucket(int64_t distance, int64_t buckets, int64_t max_distance);

// What is added to the scores, (heads, tokens, tokens) by query and key, from the learned table
// (buckets, heads).
std::vector<float> T5PositionBias(const T5Config& config, std::span<const float> table);

}  // namespace tmpq
