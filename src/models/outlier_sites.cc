#include "src/models/outlier_sites.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace tmpq {
namespace {

// Input `second` of node `first`.
using Use = std::pair<NodeId, size_t>;
constexpr Use kNetworkOutput = {-1, 0};

// Who reads what.
class Reading {
 public:
  explicit Reading(const Graph& graph) : graph_(graph), uses_(graph.nodes().size()) {
    for (size_t id = 0; id < graph.nodes().size(); ++id) {
      const auto& inputs = graph.nodes()[id].inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        uses_[inputs[i]].emplace_back(static_cast<NodeId>(id), i);
      }
    }
    uses_[graph.output()].push_back(kNetworkOutput);
  }

  // The linears that read node `id`; none unless linears are all that does.
  std::vector<NodeId> LinearsReading(NodeId id) const {
    std::vector<NodeId> linears;
    for (const Use& use : uses_[id]) {
      if (use == kNetworkOutput || graph_.node(use.first).kind != OpKind::kLinear) return {};
      linears.push_back(use.first);
    }
    return linears;
  }

  std::optional<ChannelSource> SourceOf(NodeId id) const {
    ChannelSource source;
    for (;; id = graph_.node(id).inputs[0]) {
      const Node& node = graph_.node(id);
      if (node.kind == OpKind::kSlice) {
        source.offset += node.attributes.offset;
      } else if (node.kind == OpKind::kAddParameter && source.table < 0) {
        source.table = id, source.table_offset = source.offset;
      } else if (node.kind == OpKind::kLinear) {
        source.linear = id;
        return source;
      } else {
        return std::nullopt;
      }
    }
  }

  // Whether the outputs of `source` are read as input `input` of `members`, and by nothing else.
  bool OnlyReadBy(const std::vector<NodeId>& members, const ChannelSource& source,
                  size_t input) const {
    std::set<Use> found, allowed;
    for (const NodeId member : members) allowed.emplace(member, input);
    CollectUses(source.linear, source.offset, graph_.node(members[0]).shape.back(), found);
    return found == allowed;
  }

 private:
  // What reads channels [offset, offset + size) of node `id`, through tables and exact slices.
  void CollectUses(NodeId id, int64_t offset, int64_t size, std::set<Use>& found) const {
    for (const Use& use : uses_[id]) {
      const OpKind kind = use == kNetworkOutput ? OpKind::kInput : graph_.node(use.first).kind;
      if (kind == OpKind::kAddParameter) {
        CollectUses(use.first, offset, size, found);
      } else if (kind == OpKind::kSlice) {
        const Attributes& slice = graph_.node(use.first).attributes;
        if (slice.offset == offset && slice.size == size) {
          CollectUses(use.first, 0, size, found);
        } else if (slice.offset < offset + size && offset < slice.offset + slice.size) {
          found.insert(use);
        }
      } else {
        found.insert(use);
      }
    }
  }

  const Graph& graph_;
  std::vector<std::vector<Use>> uses_;  // by node
};

// 1 + scale becomes larger by a factor only where there is a term for the 1.
bool ScalesHaveTerms(const Graph& graph, const OutlierSite& site) {
  const auto tables = std::count_if(site.scales.begin(), site.scales.end(),
                                    [](const ChannelSource& s) { return s.table >= 0; });
  if (tables > 0) return tables == static_cast<int64_t>(site.scales.size());
  return graph.node(site.scales[0].linear).attributes.bias;
}

}  // namespace

std::vector<OutlierSite> ModulatedSites(const Graph& graph) {
  const Reading reading(graph);
  std::vector<OutlierSite> sites;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& node = graph.node(id);
    if (node.kind != OpKind::kModulate) continue;
    const std::vector<NodeId> readers = reading.LinearsReading(id);
    const auto shift = reading.SourceOf(node.inputs[1]), scale = reading.SourceOf(node.inputs[2]);
    if (readers.empty() || !shift || !scale) continue;
    auto site = std::find_if(sites.begin(), sites.end(), [&](const OutlierSite& s) {
      return s.shifts[0].SameOutputs(*shift) && s.scales[0].SameOutputs(*scale);
    });
    if (site == sites.end()) site = sites.emplace(sites.end());
    site->members.push_back(id);
    site->readers.insert(site->readers.end(), readers.begin(), readers.end());
    site->shifts.push_back(*shift), site->scales.push_back(*scale);
  }
  std::erase_if(sites, [&](const OutlierSite& site) {
    return !ScalesHaveTerms(graph, site) || !reading.OnlyReadBy(site.members, site.shifts[0], 1) ||
           !reading.OnlyReadBy(site.members, site.scales[0], 2);
  });
  return sites;
}

std::vector<OutlierSite> AttendedSites(const Graph& graph) {
  const Reading reading(graph);
  std::vector<OutlierSite> sites;
  for (size_t i = 0; i < graph.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (graph.node(id).kind != OpKind::kAttention) continue;
    const std::vector<NodeId> readers = reading.LinearsReading(id);
    const auto values = reading.SourceOf(graph.node(id).inputs[2]);
    if (readers.empty() || !values || values->table >= 0) continue;
    if (reading.OnlyReadBy({id}, *values, 2)) sites.push_back({{id}, readers, {*values}, {}});
  }
  return sites;
}

}  // namespace tmpq
