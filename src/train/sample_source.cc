#include "src/train/sample_source.h"

#include <algorithm>

#include "src/data/captioned_world.h"

namespace tmpq {
namespace {

class ImageSetSource : public SampleSource {
 public:
  ImageSetSource(ImageSet set, std::string description)
      : set_(std::move(set)), description_(std::move(description)) {
    labels_ = *std::max_element(set_.labels.begin(), set_.labels.end()) + 1;
  }
  Shape shape() const override { return {set_.height, set_.width, set_.channels}; }
  int64_t labels() const override { return labels_; }
  std::string description() const override { return description_; }
  DrawnCondition Draw(RandomStream& random, std::span<float> sample) const override {
    const auto index = static_cast<int64_t>(random.Below(set_.count));
    std::copy_n(set_.image(index), sample.size(), sample.begin());
    return {set_.labels[index], {}};
  }

 private:
  ImageSet set_;
  std::string description_;
  int64_t labels_ = 0;
};

class WorldSource : public SampleSource {
 public:
  explicit WorldSource(const CaptionedWorld& world) : world_(&world) {}
  Shape shape() const override { return world_->shape(); }
  int64_t labels() const override { return world_->count(); }
  std::string description() const override {
    return "synthetic " + world_->name() + " drawn on the fly (CC0)";
  }
  const Vocabulary* vocabulary() const override { return &world_->vocabulary(); }
  std::string judge() const override { return world_->name(); }
  std::vector<std::string> Prompts() const override {
    std::vector<std::string> prompts;
    for (int64_t i = 0; i < world_->count(); ++i) {
      prompts.push_back(world_->Caption(world_->ValuesOf(i)));
    }
    return prompts;
  }
  DrawnCondition Draw(RandomStream& random, std::span<float> sample) const override {
    const auto index = static_cast<int64_t>(random.Below(world_->count()));
    const AttributeValues values = world_->ValuesOf(index);
    world_->Draw(values, random, sample);
    return {index, world_->vocabulary().Encode(world_->Caption(values))};
  }

 private:
  const CaptionedWorld* world_;
};

}  // namespace

std::unique_ptr<SampleSource> OpenSampleSource(const std::string& data, Split split) {
  if (const CaptionedWorld* world = FindWorld(data)) return std::make_unique<WorldSource>(*world);
  return SourceOf(LoadFashionMnist(data, split), split == Split::kTrain
                                                     ? "Fashion-MNIST, 60,000 training images"
                                                     : "Fashion-MNIST, 10,000 test images");
}

std::unique_ptr<SampleSource> SourceOf(ImageSet set, const std::string& description) {
  return std::make_unique<ImageSetSource>(std::move(set), description);
}

ImageSet Materialize(const std::string& data, Split split, int64_t count, uint64_t seed) {
  const CaptionedWorld* world = FindWorld(data);
  if (world == nullptr) return LoadFashionMnist(data, split);
  const WorldSource source(*world);
  const Shape shape = world->shape();
  // A clip is kept as one tall picture, frame below frame.
  ImageSet set{count, world->elements() / (shape[shape.size() - 2] * 3), shape[shape.size() - 2],
               3,     std::vector<float>(count * world->elements()),     {}};
  for (int64_t i = 0; i < count; ++i) {
    RandomStream random(
        seed, split == Split::kTest ? RandomPurpose::kTest : RandomPurpose::kCalibration, i);
    const auto condition = source.Draw(random, {set.pixels.data() + i * world->elements(),
                                                static_cast<size_t>(world->elements())});
    set.labels.push_back(static_cast<int32_t>(condition.label));
  }
  return set;
}

}  // namespace tmpq
