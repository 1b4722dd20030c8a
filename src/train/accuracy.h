// How well a trained classifier, encoder or reward model does on samples that it has not seen.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "src/core/json.h"
#include "src/data/captioned_world.h"
#include "src/data/image_set.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/train/labelling.h"

namespace tmpq {

// Shares in [0, 1] of the samples.
struct Accuracy {
  int64_t samples = 0;
  double whole = 0;                                   // all of it right
  std::vector<std::pair<std::string, double>> parts;  // by part of the label, attribute, or flaw

  // {name: share} of the parts.
  Json PartsJson() const;
};

// Of the answers of the classifier `graph` to what `labelling` asks.
Accuracy ClassifierAccuracy(const Graph& graph, const ParameterSet& parameters,
                            const ImageSet& data, const Labelling& labelling);

// Top-1 retrieval: of all the world's captions, the one whose embedding has the largest cosine to
// the sample's is the sample's own. `graph`: a contrastive encoder.
Accuracy RetrievalAccuracy(const Graph& graph, const ParameterSet& parameters, const ImageSet& data,
                           const CaptionedWorld& world);

// Of `pairs` ranked pairs (src/data/ranked_pair.h) of the seed, those of which the better one has
// the higher reward: all, and by flaw. `graph`: a contrastive encoder.
Accuracy PreferenceAccuracy(const Graph& graph, const ParameterSet& parameters,
                            const CaptionedWorld& world, int64_t pairs, uint64_t seed);

}  // namespace tmpq
