// What a classifier is asked about a sample: its class, or the values of all its attributes, each
// with a softmax of its own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/train/sample_source.h"

namespace tmpq {

// A softmax over `size` neighbouring logits.
struct LabelPart {
  std::string name;  // "class", or of the attribute
  int64_t size = 0;
};

// Const-safe. The parts' logits stand side by side, in order.
class Labelling {
 public:
  // `kind`: "class" (a world's class is its combination of attributes) or "attributes". Throws
  // kUsage for an unknown kind and for attributes of data without any. `data`'s world outlives it.
  Labelling(const std::string& kind, const SampleSource& data);

  const std::vector<LabelPart>& parts() const { return parts_; }
  int64_t logits() const;
  // The answer to each part for a sample of label `label`.
  std::vector<int64_t> AnswersOf(int64_t label) const;

 private:
  std::vector<LabelPart> parts_;
  const CaptionedWorld* world_ = nullptr;  // null: by class
};

}  // namespace tmpq
