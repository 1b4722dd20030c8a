#include "src/eval/calibration/incoherence.h"

#include <cmath>
#include <cstdio>

#include "src/quant/input_transform.h"

namespace tmpq {
namespace {

double MeanOverTokens(std::span<const float> rows, int64_t channels) {
  double sum = 0;
  int64_t count = 0;
  for (size_t begin = 0; begin < rows.size(); begin += channels) {
    const double value = Incoherence(rows.subspan(begin, channels));
    if (value == 0) continue;  // nothing to round, such as the zeros around an image
    sum += value;
    ++count;
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

}  // namespace

std::vector<LayerIncoherence> MeasureIncoherence(const Graph& graph, const ParameterSet& parameters,
                                                 const CalibrationStatistics& statistics,
                                                 double alpha, uint64_t rotation_seed) {
  std::vector<LayerIncoherence> result;
  const std::vector<QuantSite>& sites = graph.sites().sites;
  for (size_t s = 0; s < sites.size(); ++s) {
    if (sites[s].kind != SiteKind::kWeight) continue;
    const std::string& layer = sites[s].layer;
    const int64_t channels = sites[s + 1].input_features;
    const InputStatistics inputs = statistics.Whole(layer);
    const std::vector<float> balancing = BalancingVector(
        inputs.absmax, ChannelAbsMax(parameters.Get(layer + ".weight"), channels), alpha);
    const std::vector<float> signs = RotationSigns(layer, channels, rotation_seed);
    std::vector<float> both = balancing;
    for (int64_t c = 0; c < channels; ++c) both[c] *= signs[c];
    const auto after = [&](const InputTransform& transform) {
      return MeanOverTokens(TransformInputs(layer, inputs.rows, channels, transform), channels);
    };
    const bool rotates = HadamardOf(channels).has_value();
    result.push_back({layer, sites[s].group, after({}), after({balancing, false}),
                      rotates ? after({signs, true}) : NAN, rotates ? after({both, true}) : NAN});
  }
  return result;
}

std::string IncoherenceCsv(const std::vector<LayerIncoherence>& layers) {
  std::string csv = "layer,group,raw,balanced,rotated,both\n";
  for (const LayerIncoherence& row : layers) {
    csv += row.layer + "," + NameOf(row.group);
    for (const double value : {row.raw, row.balanced, row.rotated, row.both}) {
      char text[32];
      std::snprintf(text, sizeof(text), ",%.4g", value);
      csv += std::isnan(value) ? "," : text;
    }
    csv += "\n";
  }
  return csv;
}

}  // namespace tmpq
