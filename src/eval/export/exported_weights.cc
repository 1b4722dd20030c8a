#include "src/eval/export/exported_weights.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/supernet/weight_sets.h"

namespace tmpq {
namespace {

Shape ShapeOf(const PlanFile& plan, int site) {
  const std::string name = plan.description().graph.sites().sites[site].layer + ".weight";
  for (const auto& [parameter, shape] : plan.description().graph.parameters()) {
    if (parameter == name) return shape;
  }
  TMPQ_CHECK(false, "a weight site has a parameter");
}

// (range, bits) of each weight site that some step uses; range -1 where one set serves all.
std::map<int, std::set<std::pair<int, int>>> UsesOf(const PlanFile& plan) {
  const auto& sites = plan.description().graph.sites().sites;
  const Candidate& candidate = plan.description().candidate;
  const QuantScheme& scheme = plan.weights().scheme();
  std::map<int, std::set<std::pair<int, int>>> uses;
  for (int k = 0; k < candidate.steps(); ++k) {
    const int range = scheme.RangeOf(candidate.timesteps()[k]);
    for (size_t s = 0; s < sites.size(); ++s) {
      if (sites[s].kind != SiteKind::kWeight) continue;
      const int site = static_cast<int>(s), bits = candidate.policy(k)[s].bits();
      const bool by_range =
          bits != BitWidth::kFloatBits && WeightSetsOf(scheme, sites[s].layer) > 1;
      uses[site].insert({by_range ? range : -1, bits});
    }
  }
  return uses;
}

// What a plan's file holds beside packed weights and parameters.
bool IsOfLayers(const std::string& name) {
  const auto begins = [&](const char* text) { return name.rfind(text, 0) == 0; };
  return !begins("parameters.") && !begins("schedule.");
}

bool IsPacked(const std::string& name) {
  const size_t dot = name.rfind('.'), before = name.rfind('.', dot - 1);
  return before != std::string::npos && name[before + 1] == 'w' && dot == before + 3;
}

}  // namespace

std::vector<ExportedWeights> WeightsInUse(const PlanFile& plan) {
  const auto& sites = plan.description().graph.sites().sites;
  std::vector<ExportedWeights> in_use;
  for (const auto& [site, uses] : UsesOf(plan)) {
    for (const auto& [range, bits] : uses) {
      ExportedWeights weights{site, bits, range, sites[site].layer, "", ""};
      if (range >= 0)
        weights.set = WeightSetName(plan.weights().scheme(), sites[site].layer, range);
      const std::string name = WeightName(weights.set, bits);
      weights.weight_name = (uses.size() == 1 ? sites[site].layer : name) + ".weight";
      if (bits != BitWidth::kFloatBits) weights.codes_name = name;
      in_use.push_back(std::move(weights));
    }
  }
  return in_use;
}

QuantizedWeights UnpackWeights(const PlanFile& plan, const ExportedWeights& weights) {
  const QuantSite& site = plan.description().graph.sites().sites[weights.site];
  const PackedWeightView& view =
      plan.weights().Weights(weights.site, BitWidth::Of(weights.bits), std::max(weights.range, 0));
  QuantizedWeights result;
  result.bits = view.bits, result.group = view.group;
  result.outputs = site.output_features, result.inputs = site.input_features;
  result.q.resize(result.outputs * result.inputs);
  kernels::UnpackWeights(view.data, result.outputs, result.inputs, view.stored_bits,
                         result.q.data());
  for (int8_t& q : result.q) {
    q = static_cast<int8_t>(kernels::NarrowValue(q, view.stored_bits, view.bits));
  }
  const int64_t scales = result.groups() * result.outputs;
  result.scale.assign(view.scale, view.scale + scales);
  if (view.offset != nullptr) result.offset.assign(view.offset, view.offset + scales);
  return result;
}

TensorFileWriter FloatTensors(const PlanFile& plan, const std::vector<ExportedWeights>& in_use) {
  TensorFileWriter writer;
  std::set<std::string> written;
  for (const ExportedWeights& weights : in_use) {
    const QuantSite& site = plan.description().graph.sites().sites[weights.site];
    written.insert(site.layer + ".weight");
    const Shape shape = ShapeOf(plan, weights.site);
    if (weights.codes_name.empty()) {
      writer.AddFloats(weights.weight_name, shape, plan.parameters().Get(site.layer + ".weight"));
      continue;
    }
    const QuantizedWeights quantized = UnpackWeights(plan, weights);
    std::vector<float> values;
    values.reserve(quantized.q.size());
    for (int64_t n = 0; n < quantized.outputs; ++n) {
      for (int64_t k = 0; k < quantized.inputs; ++k) values.push_back(quantized.ValueAt(n, k));
    }
    writer.AddFloats(weights.weight_name, shape, values);
  }
  for (const auto& [name, shape] : plan.description().graph.parameters()) {
    if (written.count(name) == 0) writer.AddFloats(name, shape, plan.parameters().Get(name));
  }
  return writer;
}

TensorFileWriter CodeTensors(const PlanFile& plan, const std::vector<ExportedWeights>& in_use) {
  TensorFileWriter writer;
  for (const ExportedWeights& weights : in_use) {
    if (weights.codes_name.empty()) continue;
    const QuantizedWeights quantized = UnpackWeights(plan, weights);
    writer.Add(weights.codes_name + ".codes", DType::kI8, ShapeOf(plan, weights.site),
               std::as_bytes(std::span<const int8_t>(quantized.q)));
    const Shape shape = quantized.groups() > 1 ? Shape{quantized.groups(), quantized.outputs}
                                               : Shape{quantized.outputs};
    writer.AddFloats(weights.codes_name + ".scale", shape, quantized.scale);
    if (!quantized.offset.empty()) {
      writer.AddInt32s(weights.codes_name + ".offset", shape, quantized.offset);
    }
  }
  for (const auto& [name, view] : plan.tensors()) {
    if (IsOfLayers(name) && !IsPacked(name)) writer.Add(name, view.dtype, view.shape, view.data);
  }
  return writer;
}

}  // namespace tmpq
