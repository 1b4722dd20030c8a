// Where training samples come from: a data set in memory, or a captioned world drawn on the fly.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/data/captioned_world.h"
#include "src/data/image_set.h"
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
  // Whose captions the samples have: label i is the world's combination i. Null without captions.
  virtual const CaptionedWorld* world() const { return nullptr; }
  // Fills `sample` (elements of shape()), [-1, 1], from `random` alone.
  virtual DrawnCondition Draw(RandomStream& random, std::span<float> sample) const = 0;
};

// Part kTest shares no sample with kTrain. `data`: a world of
// src/data/captioned_world.h, or a folder of Fashion-MNIST. Throws
// kIo, kCorrupt.
std::unique_ptr<SampleSource> OpenSampleSource(const std::string& data, Split split);

// Samples of a set in memory; of a world, which outlives the source.
std::unique_ptr<SampleSource> SourceOf(ImageSet set, const std::string& description);
std::unique_ptr<SampleSource> SourceOf(const CaptionedWorld& world);

// `count` samples with their labels: of a data set the first ones in its order, else drawn ones. A
// clip is one tall picture, frame below frame.
ImageSet Materialize(const std::string& data, Split split, int64_t count, uint64_t seed);
ImageSet Materialize(const CaptionedWorld& world, Split split, int64_t count, uint64_t seed);

// The captions of all combinations, in their order.
std::vector<std::string> CaptionsOf(const CaptionedWorld& world);

}  // namespace tmpq
