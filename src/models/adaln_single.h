// What transformers with one adaptive layer norm for all blocks share (adaLN-single: Chen et al.,
// PixArt, arXiv 2310.00426): six modulations are made once from the timestep, and every block adds
// a table of its own. Nodes carry diffusers' module names.
#pragma once

#include <string>

#include "src/graph/graph_builder.h"

namespace tmpq {

struct AdalnSingleConfig {
  int64_t width = 0;
  int64_t heads = 0;
  int64_t mlp_ratio = 4;
  int64_t frequency_features = 256;  // sinusoids of the timestep embedding
  double norm_epsilon = 1e-6;        // of the blocks
};

// Adds nodes to a builder, which it does not own and which has to outlive it. Tokens are
// (.., tokens, width).
class AdalnSingle {
 public:
  // A block's six modulations, (width) each.
  struct Modulation {
    NodeId shift1, scale1, gate1, shift2, scale2, gate2;
  };

  AdalnSingle(GraphBuilder& builder, const AdalnSingleConfig& config) : b_(builder), c_(config) {}

  // caption_projection: (tokens, features) -> (tokens, width).
  NodeId ProjectCaption(NodeId caption);
  // Scalar -> (width).
  NodeId EmbedTimestep(NodeId timestep);
  // The embedding that everything after this is modulated by.
  void Condition(NodeId embedded);
  // Of the block named by the prefix `p`.
  Modulation ModulationOf(const std::string& p);
  // Projections, attention and output projection of module `p`.
  NodeId Attend(const std::string& p, NodeId x, NodeId to, LayerGroup group, NodeId mask = -1);
  // x + gate1 attn1(modulated norm1(x)), x + gate2 ff(modulated norm2(x)).
  NodeId SelfAttention(const std::string& p, NodeId x, const Modulation& m, LayerGroup group);
  NodeId FeedForward(const std::string& p, NodeId x, const Modulation& m);
  // norm_out and proj_out: -> (.., tokens, features).
  NodeId Project(NodeId x, int64_t features);

 private:
  NodeId Chunk(NodeId x, const std::string& p, const char* name, int64_t index);

  GraphBuilder& b_;
  const AdalnSingleConfig c_;
  NodeId embedded_ = -1, modulation_ = -1;
};

}  // namespace tmpq
