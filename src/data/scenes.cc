#include "src/data/scenes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

namespace tmpq {
namespace {

constexpr std::array kCounts = {"one", "two", "three"};
constexpr std::array kSizes = {"small", "large"};
constexpr std::array kColours = {"red", "green", "blue", "yellow", "magenta", "cyan", "white"};
constexpr std::array kShapes = {"circle", "square", "triangle"};
constexpr std::array kManyShapes = {"circles", "squares", "triangles"};
constexpr std::array kPositions = {"left", "right", "top", "bottom", "centre"};
constexpr float kPalette[][3] = {{0.9f, -0.8f, -0.8f}, {-0.8f, 0.7f, -0.7f}, {-0.7f, -0.5f, 1.0f},
                                 {0.9f, 0.8f, -0.8f},  {0.9f, -0.7f, 0.9f},  {-0.8f, 0.8f, 0.9f},
                                 {0.9f, 0.9f, 0.9f}};
constexpr float kGround = -0.85f, kGroundSpread = 0.1f;
constexpr double kHalf[] = {3.0, 4.5};                      // half a side, pixels, by size
constexpr double kMiddle = kSceneSize / 2.0, kAside = 9.5;  // of the picture; of left, top, ..
constexpr int kSubpixels = 4;

enum { kCircle, kSquare, kTriangle };
enum { kLeft, kRight, kTop, kBottom, kCentre };

// Whether a point is in a shape of half-side 1 around the origin; y grows downwards.
bool Inside(int shape, double x, double y) {
  switch (shape) {
    case kCircle:
      return x * x + y * y <= 1;
    case kSquare:
      return std::fabs(x) <= 1 && std::fabs(y) <= 1;
    default:  // apex above
      return y <= 1 && y >= -1 && std::fabs(x) <= (y + 1) / 2;
  }
}

void DrawShape(int shape, double cx, double cy, double half, const float colour[3],
               std::span<float> out) {
  for (int64_t row = 0; row < kSceneSize; ++row) {
    for (int64_t column = 0; column < kSceneSize; ++column) {
      int hits = 0;
      for (int i = 0; i < kSubpixels * kSubpixels; ++i) {
        const double x = static_cast<double>(column) + (i % kSubpixels + 0.5) / kSubpixels;
        const double y = static_cast<double>(row) + (i / kSubpixels + 0.5) / kSubpixels;
        hits += Inside(shape, (x - cx) / half, (y - cy) / half);
      }
      const float alpha = static_cast<float>(hits) / (kSubpixels * kSubpixels);
      float* pixel = out.data() + (row * kSceneSize + column) * 3;
      for (int c = 0; c < 3; ++c) pixel[c] += alpha * (colour[c] - pixel[c]);
    }
  }
}

// A connected blob of the image, in pixels.
struct Blob {
  double area = 0, x = 0, y = 0;  // sum of coverage, its centre
  double colour[3] = {0, 0, 0};   // mean over what is fully covered
  int64_t left = kSceneSize, right = -1, top = kSceneSize, bottom = -1;
};

// How much of each pixel is not ground: its distance from the ground relative to the palette's.
std::vector<double> Coverage(std::span<const float> image) {
  std::vector<double> coverage(kSceneSize * kSceneSize);
  for (size_t i = 0; i < coverage.size(); ++i) {
    double most = 0;  // the channel that differs most: every colour has one near the top
    for (int c = 0; c < 3; ++c) {
      most = std::max(most, static_cast<double>(image[3 * i + c]) - kGround);
    }
    coverage[i] = std::clamp(most / 1.75, 0.0, 1.0);
  }
  return coverage;
}

Blob FloodFill(std::span<const float> image, std::vector<double>& coverage, int64_t start) {
  constexpr double kEdge = 0.35;
  Blob blob;
  double solid = 0;
  std::vector<int64_t> stack = {start};
  while (!stack.empty()) {
    const int64_t at = stack.back();
    stack.pop_back();
    const double alpha = coverage[at];
    if (alpha < kEdge) continue;
    coverage[at] = 0;
    const int64_t x = at % kSceneSize, y = at / kSceneSize;
    blob.area += alpha;
    blob.x += alpha * (static_cast<double>(x) + 0.5);
    blob.y += alpha * (static_cast<double>(y) + 0.5);
    blob.left = std::min(blob.left, x), blob.right = std::max(blob.right, x);
    blob.top = std::min(blob.top, y), blob.bottom = std::max(blob.bottom, y);
    const double weight = alpha * alpha * alpha;
    solid += weight;
    for (int c = 0; c < 3; ++c) blob.colour[c] += weight * image[3 * at + c];
    if (x > 0) stack.push_back(at - 1);
    if (x + 1 < kSceneSize) stack.push_back(at + 1);
    if (y > 0) stack.push_back(at - kSceneSize);
    if (y + 1 < kSceneSize) stack.push_back(at + kSceneSize);
  }
  if (blob.area > 0) {
    blob.x /= blob.area, blob.y /= blob.area;
    for (double& c : blob.colour) c /= solid;
  }
  return blob;
}

int NearestColour(const double colour[3]) {
  int best = 0;
  double least = INFINITY;
  for (size_t i = 0; i < kColours.size(); ++i) {
    double distance = 0;
    for (int c = 0; c < 3; ++c) distance += std::pow(colour[c] - kPalette[i][c], 2);
    if (distance < least) least = distance, best = static_cast<int>(i);
  }
  return best;
}

// The shape whose drawing within the blob's box covers the same pixels best.
int BestShape(const Blob& blob, std::span<const double> coverage) {
  int best = 0;
  double least = INFINITY;
  const double width = static_cast<double>(blob.right - blob.left + 1),
               height = static_cast<double>(blob.bottom - blob.top + 1);
  const double half = std::max(width, height) / 2;
  const double cx = static_cast<double>(blob.left) + width / 2,
               cy = static_cast<double>(blob.top) + height / 2;
  for (int shape = 0; shape < static_cast<int>(kShapes.size()); ++shape) {
    for (const double shrink : {0.0, 0.25, 0.5}) {  // of the half side: edges cover pixels in part
      double difference = 0;
      for (int64_t y = blob.top; y <= blob.bottom; ++y) {
        for (int64_t x = blob.left; x <= blob.right; ++x) {
          int hits = 0;
          for (int i = 0; i < kSubpixels * kSubpixels; ++i) {
            const double px = static_cast<double>(x) + (i % kSubpixels + 0.5) / kSubpixels;
            const double py = static_cast<double>(y) + (i / kSubpixels + 0.5) / kSubpixels;
            hits += Inside(shape, (px - cx) / (half - shrink), (py - cy) / (half - shrink));
          }
          difference += std::fabs(static_cast<double>(hits) / (kSubpixels * kSubpixels) -
                                  coverage[y * kSceneSize + x]);
        }
      }
      if (difference < least) least = difference, best = shape;
    }
  }
  return best;
}

int PositionOf(double x, double y) {
  const double dx = x - kMiddle, dy = y - kMiddle;
  if (std::max(std::fabs(dx), std::fabs(dy)) < kAside / 2) return kCentre;
  if (std::fabs(dx) > std::fabs(dy)) return dx < 0 ? kLeft : kRight;
  return dy < 0 ? kTop : kBottom;
}

std::array<int, kSceneAttributes> Attributes(const Scene& s) {
  return {s.count, s.size, s.colour, s.shape, s.position};
}

}  // namespace

std::string Scene::Caption() const {
  return std::string(kCounts[count]) + " " + kSizes[size] + " " + kColours[colour] + " " +
         (count == 0 ? kShapes : kManyShapes)[shape] + " " + kPositions[position];
}

const Vocabulary& SceneVocabulary() {
  static const Vocabulary vocabulary = [] {
    std::vector<std::string> words;
    const auto append = [&](const auto& list) {
      words.insert(words.end(), list.begin(), list.end());
    };
    append(kCounts), append(kSizes), append(kColours), append(kShapes), append(kManyShapes);
    append(kPositions);
    return Vocabulary(words, kSceneAttributes);
  }();
  return vocabulary;
}

int64_t SceneCount() {
  return static_cast<int64_t>(kCounts.size() * kSizes.size() * kColours.size() * kShapes.size() *
                              kPositions.size());
}

Scene SceneOf(int64_t index) {
  // A step that has no factor in common with the count visits every scene once, and mixes.
  constexpr int64_t kStep = 143;
  int64_t rest = index % SceneCount() * kStep % SceneCount();
  const auto take = [&](size_t size) {
    const int value = static_cast<int>(rest % static_cast<int64_t>(size));
    rest /= static_cast<int64_t>(size);
    return value;
  };
  Scene scene;
  scene.count = take(kCounts.size()), scene.size = take(kSizes.size());
  scene.colour = take(kColours.size()), scene.shape = take(kShapes.size());
  scene.position = take(kPositions.size());
  return scene;
}

void DrawScene(const Scene& scene, RandomStream& random, std::span<float> out) {
  const auto jitter = [&](double spread) { return spread * (2 * random.Uniform() - 1); };
  const auto ground = static_cast<float>(kGround + jitter(kGroundSpread));
  std::fill(out.begin(), out.end(), ground);
  const double half = kHalf[scene.size] + jitter(0.3);
  const double pitch = 2 * half + 1.6 + jitter(0.4);
  const bool aside = scene.position == kLeft || scene.position == kRight;  // a column
  double x = kMiddle + jitter(1.5), y = kMiddle + jitter(1.5);
  if (scene.position == kLeft) x = kMiddle - kAside + jitter(1);
  if (scene.position == kRight) x = kMiddle + kAside + jitter(1);
  if (scene.position == kTop) y = kMiddle - kAside + jitter(1);
  if (scene.position == kBottom) y = kMiddle + kAside + jitter(1);
  // A long row stays within the picture.
  const double reach = half + pitch * scene.count / 2, room = kMiddle - reach;
  double& along = aside ? y : x;
  along = kMiddle + std::clamp(along - kMiddle, -std::max(room, 0.0), std::max(room, 0.0));
  for (int i = 0; i <= scene.count; ++i) {
    const double offset = pitch * (i - scene.count / 2.0);
    DrawShape(scene.shape, aside ? x : x + offset, aside ? y + offset : y, half,
              kPalette[scene.colour], out);
  }
}

Scene JudgeScene(std::span<const float> image) {
  constexpr double kLeastArea = 6;  // pixels; less is noise
  constexpr double kSmall = 7.6;    // pixels of a side
  const std::vector<double> whole = Coverage(image);
  std::vector<double> coverage = whole;
  std::vector<Blob> blobs;
  for (int64_t at = 0; at < kSceneSize * kSceneSize; ++at) {
    const Blob blob = FloodFill(image, coverage, at);
    if (blob.area >= kLeastArea) blobs.push_back(blob);
  }
  if (blobs.empty()) return {-1, -1, -1, -1, -1};
  Scene scene;
  scene.count = std::min<int>(static_cast<int>(blobs.size()), kCounts.size()) - 1;
  if (blobs.size() > kCounts.size()) scene.count = -1;
  double x = 0, y = 0, side = 0, colour[3] = {0, 0, 0};
  std::array<int, kShapes.size()> votes = {};
  const auto n = static_cast<double>(blobs.size());
  for (const Blob& blob : blobs) {
    x += blob.x / n, y += blob.y / n;
    side += static_cast<double>(std::max(blob.right - blob.left, blob.bottom - blob.top) + 1) / n;
    for (int c = 0; c < 3; ++c) colour[c] += blob.colour[c] / n;
    ++votes[BestShape(blob, whole)];
  }
  scene.size = side < kSmall ? 0 : 1;
  scene.colour = NearestColour(colour);
  scene.shape = static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
  scene.position = PositionOf(x, y);
  return scene;
}

const char* SceneAttributeName(int attribute) {
  constexpr std::array kNames = {"count", "size", "colour", "shape", "position"};
  return kNames[attribute];
}

bool SameSceneAttribute(const Scene& a, const Scene& b, int attribute) {
  return Attributes(a)[attribute] == Attributes(b)[attribute];
}

Scene SceneOfCaption(const std::string& caption) {
  Scene scene = {-1, -1, -1, -1, -1};
  std::istringstream words(caption);
  for (std::string word; words >> word;) {
    const auto find = [&](const auto& list, int& attribute) {
      const auto found = std::find(list.begin(), list.end(), word);
      if (found != list.end()) attribute = static_cast<int>(found - list.begin());
    };
    find(kCounts, scene.count), find(kSizes, scene.size), find(kColours, scene.colour);
    find(kShapes, scene.shape), find(kManyShapes, scene.shape), find(kPositions, scene.position);
  }
  return scene;
}

double SceneAlignment(const std::string& caption, std::span<const float> image) {
  const Scene wanted = SceneOfCaption(caption), seen = JudgeScene(image);
  int asked = 0, shown = 0;
  for (int a = 0; a < kSceneAttributes; ++a) {
    if (Attributes(wanted)[a] < 0) continue;
    ++asked;
    shown += SameSceneAttribute(wanted, seen, a);
  }
  return asked == 0 ? 1 : static_cast<double>(shown) / asked;
}

}  // namespace tmpq
