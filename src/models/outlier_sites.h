// Where a network can get outlier channels without computing anything else: tensors that only
// linears read, and that come out of linears. Patterns of nodes, no names of architectures.
#pragma once

#include <cstdint>
#include <vector>

#include "src/graph/graph.h"

namespace tmpq {

// Channels of a tensor come from the outputs of a linear from `offset` on, plus, where `table` >=
// 0, the entries of that AddParameter from `table_offset` on.
struct ChannelSource {
  NodeId linear = -1, table = -1;
  int64_t offset = 0, table_offset = 0;

  bool SameOutputs(const ChannelSource& other) const {
    return linear == other.linear && offset == other.offset;
  }
};

// Modulates that share the outputs of linears (all blocks of an adaLN-single), or one attention.
struct OutlierSite {
  std::vector<NodeId> members;        // whose results have the channels
  std::vector<NodeId> readers;        // the linears that read these
  std::vector<ChannelSource> shifts;  // by member; an attention's values
  std::vector<ChannelSource> scales;  // by member; none of an attention
};

// Modulates whose shifts and scales nothing else reads, and whose scales have a term to add to: a
// table each, or the linear's bias. In the order of their first members.
std::vector<OutlierSite> ModulatedSites(const Graph& graph);

// Attentions whose values nothing else reads.
std::vector<OutlierSite> AttendedSites(const Graph& graph);

}  // namespace tmpq
