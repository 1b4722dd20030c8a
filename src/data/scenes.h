// Captioned synthetic scenes, made on the fly: what the bundled text-to-image model is trained on,
// and a judge that reads a scene's attributes off its pixels. Made by this program; CC0.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/data/vocabulary.h"

namespace tmpq {

inline constexpr int64_t kSceneSize = 32;  // pixels a side
inline constexpr int64_t kSceneElements = kSceneSize * kSceneSize * 3;

// "two small red circles left": one to three equal shapes, side by side, on a dark ground.
struct Scene {
  int count = 0;     // one, two, three
  int size = 0;      // small, large
  int colour = 0;    // red, green, blue, yellow, magenta, cyan, white
  int shape = 0;     // circle, square, triangle
  int position = 0;  // left, right, top, bottom, centre

  bool operator==(const Scene&) const = default;
  std::string Caption() const;
};

// All captions' words, 5 tokens.
const Vocabulary& SceneVocabulary();
// Number of different scenes, and scene `index` of them; every attribute changes with the index.
int64_t SceneCount();
Scene SceneOf(int64_t index);

// Draws `scene` into out (kSceneElements, (row, column, channel), [-1, 1]), antialiased, with the
// exact places, sizes and ground drawn from `random`.
void DrawScene(const Scene& scene, RandomStream& random, std::span<float> out);

// What a judge made of an image: attributes are -1 where nothing was seen.
Scene JudgeScene(std::span<const float> image);
inline constexpr int kSceneAttributes = 5;
// "count", "size", "colour", "shape", "position".
const char* SceneAttributeName(int attribute);
// The scene that a caption asks for; attributes that it leaves open are -1.
Scene SceneOfCaption(const std::string& caption);
// Share of the caption's attributes that the image shows; 1 where it asks for nothing.
double SceneAlignment(const std::string& caption, std::span<const float> image);
// Whether the attribute of both agrees.
bool SameSceneAttribute(const Scene& a, const Scene& b, int attribute);

}  // namespace tmpq
