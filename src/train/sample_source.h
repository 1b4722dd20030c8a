// Where training samples come from: a data set in memory, or a captioned world drawn on the fly.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/data/image_set.h"
#include "src/data/vocabulary.h"
#include "src/graph/graph.h"

namespace tmpq {

// What goes with a sample.
struct DrawnCondition {
  int64_t label = 0;
  std::vector<int32_t> caption;  // tokens; empty where the source has no captions
};

// Const-safe.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual Shape shape() const = 0;  // of a sample, channels last
  virtual int64_t labels() const = 0;
  virtual std::string description() const = 0;
  // Null where there are no captions; the captions that samples are judged by.
  virtual const Vocabulary* vocabulary() const { return nullptr; }
  virtual std::vector<std::string> Prompts() const { return {}; }
  virtual std::string judge() const { return ""; }  // of text alignment
  // Fills `sample` (elements of shape()), [-1, 1], from `random` alone.
  virtual DrawnCondition Draw(RandomStream& random, std::span<float> sample) const = 0;
};

// Part kTest shares no sample with kTrain. `data`: a world of
// src/data/captioned_world.h, or a folder of Fashion-MNIST. Throws
// kIo, kCorrupt.
std::unique_ptr<SampleSource> OpenSampleSource(const std::string& data, Split split);

// Samples of a set in memory.
std::unique_ptr<SampleSource> SourceOf(ImageSet set, const std::string& description);

// `count` samples with their labels: of a data set the first ones in its order, else drawn ones.
ImageSet Materialize(const std::string& data, Split split, int64_t count, uint64_t seed);

}  // namespace tmpq
