#include "src/train/labelling.h"

#include "src/core/error.h"

namespace tmpq {

Labelling::Labelling(const std::string& kind, const SampleSource& data) {
  if (kind == "class") {
    parts_ = {{"class", data.labels()}};
    return;
  }
  if (kind != "attributes") {
    throw Error(ErrorCode::kUsage, "label", "\"" + kind + "\" is unknown",
                "known are class and attributes");
  }
  world_ = data.world();
  if (world_ == nullptr) {
    throw Error(ErrorCode::kUsage, "label", "the data have no attributes", "label = class");
  }
  for (const CaptionAttribute& attribute : world_->attributes()) {
    parts_.push_back({attribute.name, static_cast<int64_t>(attribute.words.size())});
  }
}

int64_t Labelling::logits() const {
  int64_t logits = 0;
  for (const LabelPart& part : parts_) logits += part.size;
  return logits;
}

std::vector<int64_t> Labelling::AnswersOf(int64_t label) const {
  if (world_ == nullptr) return {label};
  const AttributeValues values = world_->ValuesOf(label);
  return {values.begin(), values.end()};
}

}  // namespace tmpq
