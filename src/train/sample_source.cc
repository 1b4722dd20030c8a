#include "src/train/sample_source.h"

#include <algorithm>

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
  const CaptionedWorld* world() const override { return world_; }
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
  if (const CaptionedWorld* world = FindWorld(data)) return SourceOf(*world);
  return SourceOf(LoadFashionMnist(data, split), split == Split::kTrain
                                                     ? "Fashion-MNIST, 60,000 training images"
                                                     : "Fashion-MNIST, 10,000 test images");
}

std::unique_ptr<SampleSource> SourceOf(ImageSet set, const std::string& description) {
  return std::make_unique<ImageSetSource>(std::move(set), description);
}

std::unique_ptr<SampleSource> SourceOf(const CaptionedWorld& world) {
  return std::make_unique<WorldSource>(world);
}

ImageSet Materialize(const std::string& data, Split split, int64_t count, uint64_t seed) {
  const CaptionedWorld* world = FindWorld(data);
  if (world == nullptr) return LoadFashionMnist(data, split);
  return Materialize(*world, split, count, seed);
}

ImageSet Materialize(const CaptionedWorld& world, Split split, int64_t count, uint64_t seed) {
  const WorldSource source(world);
  const int64_t width = world.shape()[world.shape().size() - 2], elements = world.elements();
  ImageSet set{count, elements / (width * 3), width, 3, std::vector<float>(count * elements), {}};
  for (int64_t i = 0; i < count; ++i) {
    RandomStream random(
        seed, split == Split::kTest ? RandomPurpose::kTest : RandomPurpose::kCalibration, i);
    const auto condition =
        source.Draw(random, {set.pixels.data() + i * elements, static_cast<size_t>(elements)});
    set.labels.push_back(static_cast<int32_t>(condition.label));
  }
  return set;
}

std::vector<std::string> CaptionsOf(const CaptionedWorld& world) {
  std::vector<std::string> captions;
  for (int64_t i = 0; i < world.count(); ++i) captions.push_back(world.Caption(world.ValuesOf(i)));
  return captions;
}

}  // namespace tmpq
