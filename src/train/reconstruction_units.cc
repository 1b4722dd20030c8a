#include "src/train/reconstruction_units.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

namespace tmpq {
namespace {

// "blocks.0" of "blocks.0.attn1.to_out.0": up to the last number that something follows; or empty.
std::string BlockName(const std::string& name) {
  size_t best = std::string::npos;
  for (size_t end = name.find('.'); end != std::string::npos; end = name.find('.', end + 1)) {
    const size_t begin = name.rfind('.', end - 1);
    const size_t first = begin == std::string::npos ? 0 : begin + 1;
    const bool number = end > first && std::all_of(name.begin() + first, name.begin() + end,
                                                   [](unsigned char c) { return std::isdigit(c); });
    if (number) best = end;
  }
  return best == std::string::npos ? "" : name.substr(0, best);
}

bool IsWithin(const std::string& name, const std::string& block) {
  return name.size() > block.size() && name[block.size()] == '.' &&
         name.compare(0, block.size(), block) == 0;
}

class UnitFinder {
 public:
  UnitFinder(const Graph& graph, const QuantScheme& scheme) : graph_(graph) {
    for (size_t id = 0; id < graph.nodes().size(); ++id) {
      const Node& node = graph.node(static_cast<NodeId>(id));
      if (node.first_site < 0 || node.kind == OpKind::kAttention) continue;
      if (!scheme.Of(node.name).keep_float) layers_.push_back(static_cast<NodeId>(id));
    }
  }

  std::vector<ReconstructionUnit> Run() {
    std::map<std::string, std::vector<NodeId>> members;
    const std::set<std::string> blocks = Blocks();
    for (const NodeId id : layers_) members[BlockOf(blocks, graph_.node(id).name)].push_back(id);
    std::vector<ReconstructionUnit> units;
    for (auto& [name, layers] : members) {
      ReconstructionUnit unit{name, layers, {}, -1};
      if (!name.empty() && Complete(unit)) {
        units.push_back(std::move(unit));
        continue;
      }
      for (const NodeId id : layers) {
        units.push_back({graph_.node(id).name, {id}, {graph_.node(id).inputs[0]}, id});
      }
    }
    std::sort(units.begin(), units.end(),
              [](const auto& a, const auto& b) { return a.output < b.output; });
    return units;
  }

 private:
  // Nodes that depend on one of `from`, `from` among them; reversed: that one of them depends on.
  std::vector<bool> Reach(const std::vector<NodeId>& from, bool reversed) const {
    std::vector<bool> reached(graph_.nodes().size(), false);
    for (const NodeId id : from) reached[id] = true;
    const auto count = static_cast<NodeId>(reached.size());
    for (NodeId i = 0; i < count; ++i) {
      const NodeId id = reversed ? count - 1 - i : i;
      for (const NodeId input : graph_.node(id).inputs) {
        if (reversed && reached[id]) reached[input] = true;
        if (!reversed && reached[input]) reached[id] = true;
      }
    }
    return reached;
  }

  // Names of residual sums' blocks that hold no other such block.
  std::set<std::string> Blocks() const {
    std::set<std::string> names, innermost;
    for (size_t id = 0; id < graph_.nodes().size(); ++id) {
      const Node& node = graph_.node(static_cast<NodeId>(id));
      const bool sum = node.kind == OpKind::kAdd || node.kind == OpKind::kGatedAdd;
      if (!sum || BlockName(node.name).empty()) continue;
      // Both summands depend on one value inside of the network: x + f(x), or g(x) + f(x).
      if (ShareOrigin(node.inputs.front(), node.inputs.back())) names.insert(BlockName(node.name));
    }
    for (const std::string& name : names) {
      const bool outer = std::any_of(names.begin(), names.end(), [&](const std::string& other) {
        return IsWithin(other, name);
      });
      if (!outer) innermost.insert(name);
    }
    return innermost;
  }

  // Whether both depend on the sample.
  bool ShareOrigin(NodeId a, NodeId b) const {
    const NodeId sample = graph_.FindInput("sample");
    if (sample < 0) return false;
    return Reach({a}, true)[sample] && Reach({b}, true)[sample];
  }

  static std::string BlockOf(const std::set<std::string>& blocks, const std::string& layer) {
    for (const std::string& block : blocks) {
      if (IsWithin(layer, block)) return block;
    }
    return "";
  }

  // Finds the unit's inputs and output: its nodes are those named as it is or between such ones.
  // False where it has several outputs, or a layer of another unit within.
  bool Complete(ReconstructionUnit& unit) const {
    std::vector<NodeId> named;
    for (size_t id = 0; id < graph_.nodes().size(); ++id) {
      if (IsWithin(graph_.node(static_cast<NodeId>(id)).name, unit.name)) {
        named.push_back(static_cast<NodeId>(id));
      }
    }
    const std::vector<bool> after = Reach(unit.layers, false), before = Reach(named, true);
    std::set<NodeId> inputs;
    std::vector<bool> read(graph_.nodes().size(), false);  // from outside of the unit
    const auto within = [&](NodeId id) { return after[id] && before[id]; };
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      const bool ours = std::find(unit.layers.begin(), unit.layers.end(), id) != unit.layers.end();
      const bool layer = std::find(layers_.begin(), layers_.end(), id) != layers_.end();
      if (within(id) && layer && !ours) return false;
      for (const NodeId input : graph_.node(id).inputs) {
        if (within(id) && !within(input)) inputs.insert(input);
        if (!within(id) && within(input)) read[input] = true;
      }
    }
    for (size_t i = 0; i < read.size(); ++i) {
      const auto id = static_cast<NodeId>(i);
      if (!read[id] && !(within(id) && id == graph_.output())) continue;
      if (unit.output >= 0) return false;
      unit.output = id;
    }
    unit.inputs.assign(inputs.begin(), inputs.end());
    return unit.output >= 0;
  }

  const Graph& graph_;
  std::vector<NodeId> layers_;
};

}  // namespace

std::vector<ReconstructionUnit> FindUnits(const Graph& graph, const QuantScheme& scheme) {
  return UnitFinder(graph, scheme).Run();
}

}  // namespace tmpq
