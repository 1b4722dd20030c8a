#include "src/train/sample_source.h"

#include <algorithm>

#include "src/data/scenes.h"

namespace tmpq {
namespace {

constexpr const char* kScenes = "scenes";

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

class SceneSource : public SampleSource {
 public:
  Shape shape() const override { return {kSceneSize, kSceneSize, 3}; }
  int64_t labels() const override { return SceneCount(); }
  std::string description() const override { return "synthetic scenes drawn on the fly (CC0)"; }
  const Vocabulary* vocabulary() const override { return &SceneVocabulary(); }
  std::string judge() const override { return kScenes; }
  std::vector<std::string> Prompts() const override {
    std::vector<std::string> prompts;
    for (int64_t i = 0; i < SceneCount(); ++i) prompts.push_back(SceneOf(i).Caption());
    return prompts;
  }
  DrawnCondition Draw(RandomStream& random, std::span<float> sample) const override {
    const auto index = static_cast<int64_t>(random.Below(SceneCount()));
    const Scene scene = SceneOf(index);
    DrawScene(scene, random, sample);
    return {index, SceneVocabulary().Encode(scene.Caption())};
  }
};

}  // namespace

std::unique_ptr<SampleSource> OpenSampleSource(const std::string& data, Split split) {
  if (data == kScenes) return std::make_unique<SceneSource>();
  return SourceOf(LoadFashionMnist(data, split), split == Split::kTrain
                                                     ? "Fashion-MNIST, 60,000 training images"
                                                     : "Fashion-MNIST, 10,000 test images");
}

std::unique_ptr<SampleSource> SourceOf(ImageSet set, const std::string& description) {
  return std::make_unique<ImageSetSource>(std::move(set), description);
}

ImageSet Materialize(const std::string& data, Split split, int64_t count, uint64_t seed) {
  if (data != kScenes) return LoadFashionMnist(data, split);
  const SceneSource source;
  ImageSet set{count, kSceneSize, kSceneSize, 3, std::vector<float>(count * kSceneElements), {}};
  for (int64_t i = 0; i < count; ++i) {
    RandomStream random(
        seed, split == Split::kTest ? RandomPurpose::kTest : RandomPurpose::kCalibration, i);
    const auto condition = source.Draw(
        random, {set.pixels.data() + i * kSceneElements, static_cast<size_t>(kSceneElements)});
    set.labels.push_back(static_cast<int32_t>(condition.label));
  }
  return set;
}

}  // namespace tmpq
