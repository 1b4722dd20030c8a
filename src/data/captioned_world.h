// Captioned synthetic data, made on the fly: every sample shows a value of each attribute, its
// caption names them, and a judge reads them off the pixels again. What the bundled text-to-image
// and text-to-video models are trained on. Made by this program; CC0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/data/vocabulary.h"

namespace tmpq {

struct CaptionAttribute {
  std::string name;                      // "colour"
  std::vector<std::string> words;        // "red", "green", ..: by value
  std::vector<std::string> other_words;  // other forms of the words: plurals; may be empty
};

// One value an attribute; -1 where a caption leaves it open or a judge sees nothing.
using AttributeValues = std::vector<int>;

// A small world of things that have all attributes, in any combination. Const-safe.
class CaptionedWorld {
 public:
  CaptionedWorld(std::string name, std::vector<int64_t> shape,
                 std::vector<CaptionAttribute> attributes);
  virtual ~CaptionedWorld() = default;

  const std::string& name() const { return name_; }
  // Of a sample: ([frames,] height, width, 3).
  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t elements() const;
  const std::vector<CaptionAttribute>& attributes() const { return attributes_; }
  // All words; a caption has as many tokens as there are attributes.
  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Number of combinations, and combination `index` of them; every attribute changes with it.
  int64_t count() const;
  AttributeValues ValuesOf(int64_t index) const;
  std::string Caption(const AttributeValues& values) const;
  AttributeValues ValuesOfCaption(const std::string& caption) const;
  // Share of the caption's attributes that the sample shows; 1 where it asks for nothing.
  double Alignment(const std::string& caption, std::span<const float> sample) const;

  // Draws into out (elements(), [-1, 1]), antialiased; what the values leave open (exact places,
  // sizes and shades) is drawn from `random`.
  virtual void Draw(const AttributeValues& values, RandomStream& random,
                    std::span<float> out) const = 0;
  // What the sample shows.
  virtual AttributeValues Judge(std::span<const float> sample) const = 0;

 protected:
  // Whether attribute `attribute` takes its other form in the caption of `values`.
  virtual bool UsesOtherWord(size_t /*attribute*/, const AttributeValues& /*values*/) const {
    return false;
  }

 private:
  std::string name_;
  std::vector<int64_t> shape_;
  std::vector<CaptionAttribute> attributes_;
  Vocabulary vocabulary_;
};

// The world called `name` ("scenes", "sprites"), or null.
const CaptionedWorld* FindWorld(const std::string& name);

}  // namespace tmpq
