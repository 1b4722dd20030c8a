#include "src/data/captioned_world.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "src/core/error.h"
#include "src/data/scenes.h"
#include "src/data/sprites.h"

namespace tmpq {
namespace {

// A step that has no factor in common with the number of combinations visits each once, and mixes.
constexpr int64_t kIndexStep = 143;

Vocabulary VocabularyOf(const std::vector<CaptionAttribute>& attributes) {
  std::vector<std::string> words;
  for (const CaptionAttribute& attribute : attributes) {
    words.insert(words.end(), attribute.words.begin(), attribute.words.end());
    words.insert(words.end(), attribute.other_words.begin(), attribute.other_words.end());
  }
  return Vocabulary(words, static_cast<int64_t>(attributes.size()));
}

}  // namespace

CaptionedWorld::CaptionedWorld(std::string name, std::vector<int64_t> shape,
                               std::vector<CaptionAttribute> attributes)
    : name_(std::move(name)),
      shape_(std::move(shape)),
      attributes_(std::move(attributes)),
      vocabulary_(VocabularyOf(attributes_)) {}

int64_t CaptionedWorld::elements() const {
  int64_t elements = 1;
  for (const int64_t size : shape_) elements *= size;
  return elements;
}

int64_t CaptionedWorld::count() const {
  int64_t count = 1;
  for (const CaptionAttribute& attribute : attributes_) {
    count *= static_cast<int64_t>(attribute.words.size());
  }
  return count;
}

AttributeValues CaptionedWorld::ValuesOf(int64_t index) const {
  int64_t rest = index % count() * kIndexStep % count();
  AttributeValues values;
  for (const CaptionAttribute& attribute : attributes_) {
    const auto size = static_cast<int64_t>(attribute.words.size());
    values.push_back(static_cast<int>(rest % size));
    rest /= size;
  }
  return values;
}

std::string CaptionedWorld::Caption(const AttributeValues& values) const {
  TMPQ_CHECK(values.size() == attributes_.size(), name_);
  std::string caption;
  for (size_t a = 0; a < values.size(); ++a) {
    const CaptionAttribute& attribute = attributes_[a];
    const auto& words = UsesOtherWord(a, values) ? attribute.other_words : attribute.words;
    caption += (a == 0 ? "" : " ") + words[values[a]];
  }
  return caption;
}

AttributeValues CaptionedWorld::ValuesOfCaption(const std::string& caption) const {
  AttributeValues values(attributes_.size(), -1);
  std::istringstream stream(caption);
  for (std::string word; stream >> word;) {
    for (size_t a = 0; a < attributes_.size(); ++a) {
      for (const auto* words : {&attributes_[a].words, &attributes_[a].other_words}) {
        const auto found = std::find(words->begin(), words->end(), word);
        if (found != words->end()) values[a] = static_cast<int>(found - words->begin());
      }
    }
  }
  return values;
}

double CaptionedWorld::Alignment(const std::string& caption, std::span<const float> sample) const {
  const AttributeValues wanted = ValuesOfCaption(caption), seen = Judge(sample);
  int asked = 0, shown = 0;
  for (size_t a = 0; a < wanted.size(); ++a) {
    asked += wanted[a] >= 0;
    shown += wanted[a] >= 0 && wanted[a] == seen[a];
  }
  return asked == 0 ? 1 : static_cast<double>(shown) / asked;
}

const CaptionedWorld* FindWorld(const std::string& name) {
  for (const CaptionedWorld* world : {&SceneWorld(), &SpriteWorld()}) {
    if (world->name() == name) return world;
  }
  return nullptr;
}

}  // namespace tmpq
