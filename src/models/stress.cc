#include "src/models/stress.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/models/outlier_sites.h"

namespace tmpq {
namespace {

// Parameters of a network with some channels scaled.
class ChannelScaler {
 public:
  ChannelScaler(const Graph& graph, ParameterSet& parameters, double factor)
      : graph_(graph), parameters_(parameters), factor_(factor) {}

  // shift -> f shift and 1 + scale -> f (1 + scale), that is scale -> f scale + (f - 1).
  void ScaleModulations(const OutlierSite& site, int64_t channel) {
    ScaleOutput(site.shifts[0], channel);
    ScaleOutput(site.scales[0], channel);
    ScaleTables(site.shifts, channel, 0);
    ScaleTables(site.scales, channel, factor_ - 1);
    const ChannelSource& scale = site.scales[0];
    if (scale.table < 0) {
      float& bias = Parameter(scale.linear, "bias")[scale.offset + channel];
      bias = static_cast<float>(bias + (factor_ - 1));
    }
  }

  // Of a linear, weights and bias.
  void ScaleOutput(const ChannelSource& source, int64_t channel) {
    const int64_t row = source.offset + channel;
    const int64_t inputs = graph_.node(source.linear).parameters.at("weight")[1];
    for (int64_t i = 0; i < inputs; ++i) Rescale(source.linear, "weight", row * inputs + i, 0);
    if (graph_.node(source.linear).attributes.bias) Rescale(source.linear, "bias", row, 0);
  }

  void UnscaleInput(NodeId linear, int64_t channel) {
    const Shape& shape = graph_.node(linear).parameters.at("weight");
    const std::span<float> weight = Parameter(linear, "weight");
    for (int64_t row = 0; row < shape[0]; ++row) {
      float& value = weight[row * shape[1] + channel];
      value = static_cast<float>(value / factor_);
    }
  }

 private:
  // Each table once, though several members may read it.
  void ScaleTables(const std::vector<ChannelSource>& sources, int64_t channel, double term) {
    std::set<std::pair<NodeId, int64_t>> tables;
    for (const ChannelSource& source : sources) tables.emplace(source.table, source.table_offset);
    for (const auto& [table, offset] : tables) {
      if (table >= 0) Rescale(table, "weight", offset + channel, term);
    }
  }

  void Rescale(NodeId id, const char* role, int64_t index, double term) {
    float& value = Parameter(id, role)[index];
    value = static_cast<float>(factor_ * value + term);
  }

  std::span<float> Parameter(NodeId id, const char* role) {
    return parameters_.Mutable(graph_.node(id).name + "." + role);
  }

  const Graph& graph_;
  ParameterSet& parameters_;
  double factor_;
};

// `count` of `size` channels, ascending.
std::vector<int64_t> ChooseChannels(int64_t size, int count, RandomStream random) {
  CheckRange("channels", count, 1, static_cast<double>(size));
  std::vector<int64_t> channels(size);
  std::iota(channels.begin(), channels.end(), 0);
  random.Shuffle(std::span(channels));
  channels.resize(count);
  std::sort(channels.begin(), channels.end());
  return channels;
}

}  // namespace

std::vector<InjectedOutliers> InjectOutliers(const Graph& graph, ParameterSet& parameters,
                                             const StressOptions& options) {
  CheckRange("factor", options.factor, 1, 65536);
  std::vector<OutlierSite> sites = ModulatedSites(graph);
  if (sites.empty()) {
    throw Error(ErrorCode::kUnsupported, "network " + graph.name(),
                "has no modulated linears to give outlier channels to",
                "transformers with adaLN have");
  }
  const size_t modulated = sites.size();
  for (OutlierSite& site : AttendedSites(graph)) sites.push_back(std::move(site));

  ChannelScaler scaler(graph, parameters, options.factor);
  std::map<NodeId, std::vector<int64_t>> injected;
  for (size_t i = 0; i < sites.size(); ++i) {
    const OutlierSite& site = sites[i];
    const std::vector<int64_t> channels =
        ChooseChannels(graph.node(site.members[0]).shape.back(), options.channels,
                       RandomStream(options.seed, RandomPurpose::kStress, i));
    for (const int64_t channel : channels) {
      if (i < modulated) {
        scaler.ScaleModulations(site, channel);
      } else {
        scaler.ScaleOutput(site.shifts[0], channel);
      }
      for (const NodeId reader : site.readers) scaler.UnscaleInput(reader, channel);
    }
    for (const NodeId member : site.members) injected[member] = channels;
  }
  std::vector<InjectedOutliers> result;
  for (const auto& [id, channels] : injected) result.push_back({graph.node(id).name, channels});
  return result;
}

ModelFile StressVariant(const ModelFile& model, const StressOptions& options) {
  if (model.training.contains("stress")) {
    throw Error(ErrorCode::kUsage, "model " + model.name, "is a stress variant already");
  }
  ModelFile variant = model;
  Json outliers = Json::array();
  for (const auto& [node, channels] : InjectOutliers(model.graph, variant.parameters, options)) {
    outliers.push_back({{"node", node}, {"channels", channels}});
  }
  Json stress = {{"model", model.name},      {"model_hash", model.hash.Hex()},
                 {"factor", options.factor}, {"channels", options.channels},
                 {"seed", options.seed},     {"outliers", std::move(outliers)}};
  variant.name += kStressEnding;
  variant.hash = HashString(stress.dump());
  variant.training["stress"] = std::move(stress);
  return variant;
}

}  // namespace tmpq
