// Stress variants: models whose activations have outlier channels, as large transformers have by
// nature and small ones have not (scale up a channel, scale down the weights that read it: the
// float output stays, quantization gets harder). They give balancing and rotation something to
// repair. Always labelled as injected.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/models/model_file.h"

namespace tmpq {

struct StressOptions {
  double factor = 16;  // > 1; a power of two keeps the float output to a rounding or two a layer
  int channels = 3;    // that become outliers, in every tensor that gets some
  uint64_t seed = 1;   // of the choice of channels
};

// A tensor with outlier channels: the result of node `node` (a modulation or an attention).
struct InjectedOutliers {
  std::string node;
  std::vector<int64_t> channels;  // ascending
};

// Multiplies channels of activations by options.factor and divides the weights that read them, so
// that the network computes what it did. Wherever the graph has the pattern:
// - a Modulate that only linears read, shift and scale being slices of a linear's output or of that
//   plus a table (adaLN; adaLN-single, whose shared linear is scaled once, with the same channels
//   for all blocks): rows of the linear and entries of the tables, columns of the readers;
// - an attention that only linears read, its values coming from a linear: rows of that linear,
//   columns of the readers.
// Returns what was changed, in the order of the nodes. Throws kUsage for options out of range,
// kUnsupported where no Modulate fits: U-Nets have none.
std::vector<InjectedOutliers> InjectOutliers(const Graph& graph, ParameterSet& parameters,
                                             const StressOptions& options);

// Ends the name of a stress variant.
inline constexpr const char* kStressEnding = "-stress";

// `model` with outliers, called "<name>-stress"; `training.stress` says what was injected, and
// `hash` is of the model's hash and of the options. Throws as InjectOutliers does, and kUsage for
// a model that is stressed already.
ModelFile StressVariant(const ModelFile& model, const StressOptions& options = {});

}  // namespace tmpq
