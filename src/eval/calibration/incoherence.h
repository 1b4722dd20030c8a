// How hard a layer's inputs are to round: the largest over the mean magnitude of a token, before
// and after channel balancing, rotation, and both (ViDiT-Q's incoherence).
#pragma once

#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/plan/quant_site.h"
#include "src/quant/layer_statistics.h"

namespace tmpq {

// Means over the calibration's tokens. A size without a rotation has none of `rotated` and `both`:
// NaN.
struct LayerIncoherence {
  std::string layer;
  LayerGroup group;
  double raw, balanced, rotated, both;
};

// Of every quantized linear and convolution; balanced with SmoothQuant's `alpha`.
std::vector<LayerIncoherence> MeasureIncoherence(const Graph& graph, const ParameterSet& parameters,
                                                 const CalibrationStatistics& statistics,
                                                 double alpha, uint64_t rotation_seed);

// "layer,group,raw,balanced,rotated,both" lines.
std::string IncoherenceCsv(const std::vector<LayerIncoherence>& layers);

}  // namespace tmpq
