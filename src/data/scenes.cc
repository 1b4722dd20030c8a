#include "src/data/scenes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/data/raster.h"

namespace tmpq {
namespace {

constexpr int64_t kSize = 32;  // pixels a side
constexpr RasterShape kShapes[] = {RasterShape::kCircle, RasterShape::kSquare,
                                   RasterShape::kTriangle};
constexpr float kGround = -0.85f, kGroundSpread = 0.1f;
constexpr double kHalf[] = {3.0, 4.5};                 // half a side, pixels, by size
constexpr double kMiddle = kSize / 2.0, kAside = 9.5;  // of the picture; of left, top, ..
constexpr int kMostShapes = 3;

enum { kCountOf, kSizeOf, kColourOf, kShapeOf, kPositionOf };
enum { kLeft, kRight, kTop, kBottom, kCentre };

// A connected blob of the image, in pixels.
struct Blob {
  double area = 0, x = 0, y = 0;  // sum of coverage, its centre
  double colour[3] = {0, 0, 0};   // mean over what is fully covered
  int64_t left = kSize, right = -1, top = kSize, bottom = -1;
};

// How much of each pixel is not ground: its distance from the ground relative to the palette's.
std::vector<double> Coverage(std::span<const float> image) {
  std::vector<double> coverage(kSize * kSize);
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
    const int64_t x = at % kSize, y = at / kSize;
    blob.area += alpha;
    blob.x += alpha * (static_cast<double>(x) + 0.5);
    blob.y += alpha * (static_cast<double>(y) + 0.5);
    blob.left = std::min(blob.left, x), blob.right = std::max(blob.right, x);
    blob.top = std::min(blob.top, y), blob.bottom = std::max(blob.bottom, y);
    const double weight = alpha * alpha * alpha;
    solid += weight;
    for (int c = 0; c < 3; ++c) blob.colour[c] += weight * image[3 * at + c];
    if (x > 0) stack.push_back(at - 1);
    if (x + 1 < kSize) stack.push_back(at + 1);
    if (y > 0) stack.push_back(at - kSize);
    if (y + 1 < kSize) stack.push_back(at + kSize);
  }
  if (blob.area > 0) {
    blob.x /= blob.area, blob.y /= blob.area;
    for (double& c : blob.colour) c /= solid;
  }
  return blob;
}

// The shape whose drawing within the blob's box covers the same pixels best.
int BestShape(const Blob& blob, std::span<const double> coverage) {
  int best = 0;
  double least = INFINITY;
  const double width = static_cast<double>(blob.right - blob.left + 1),
               height = static_cast<double>(blob.bottom - blob.top + 1);
  const double half = std::max(width, height) / 2;
  const double x = static_cast<double>(blob.left) + width / 2,
               y = static_cast<double>(blob.top) + height / 2;
  for (size_t s = 0; s < std::size(kShapes); ++s) {
    for (const double shrink : {0.0, 0.25, 0.5}) {  // of the half side: edges cover pixels in part
      double difference = 0;
      for (int64_t row = blob.top; row <= blob.bottom; ++row) {
        for (int64_t column = blob.left; column <= blob.right; ++column) {
          difference += std::fabs(CoverageOf({kShapes[s], x, y, half - shrink}, column, row) -
                                  coverage[row * kSize + column]);
        }
      }
      if (difference < least) least = difference, best = static_cast<int>(s);
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

class Scenes : public CaptionedWorld {
 public:
  Scenes()
      : CaptionedWorld(
            "scenes", {kSize, kSize, 3},
            {{"count", {"one", "two", "three"}, {}},
             {"size", {"small", "large"}, {}},
             {"colour", {kColourNames.begin(), kColourNames.end()}, {}},
             {"shape", {"circle", "square", "triangle"}, {"circles", "squares", "triangles"}},
             {"position", {"left", "right", "top", "bottom", "centre"}, {}}}) {}

  void Draw(const AttributeValues& values, RandomStream& random,
            std::span<float> out) const override {
    const int count = values[kCountOf], position = values[kPositionOf];
    const auto jitter = [&](double spread) { return spread * (2 * random.Uniform() - 1); };
    const auto ground = static_cast<float>(kGround + jitter(kGroundSpread));
    std::fill(out.begin(), out.end(), ground);
    const double half = kHalf[values[kSizeOf]] + jitter(0.3);
    const double pitch = 2 * half + 1.6 + jitter(0.4);
    const bool aside = position == kLeft || position == kRight;  // a column
    double x = kMiddle + jitter(1.5), y = kMiddle + jitter(1.5);
    if (position == kLeft) x = kMiddle - kAside + jitter(1);
    if (position == kRight) x = kMiddle + kAside + jitter(1);
    if (position == kTop) y = kMiddle - kAside + jitter(1);
    if (position == kBottom) y = kMiddle + kAside + jitter(1);
    // A long row stays within the picture.
    const double reach = half + pitch * count / 2, room = kMiddle - reach;
    double& along = aside ? y : x;
    along = kMiddle + std::clamp(along - kMiddle, -std::max(room, 0.0), std::max(room, 0.0));
    for (int i = 0; i <= count; ++i) {
      const double offset = pitch * (i - count / 2.0);
      PaintShape({kShapes[values[kShapeOf]], aside ? x : x + offset, aside ? y + offset : y, half},
                 kColours[values[kColourOf]], kSize, out);
    }
  }

  AttributeValues Judge(std::span<const float> image) const override {
    constexpr double kLeastArea = 6;  // pixels; less is noise
    constexpr double kSmall = 7.6;    // pixels of a side
    const std::vector<double> whole = Coverage(image);
    std::vector<double> coverage = whole;
    std::vector<Blob> blobs;
    for (int64_t at = 0; at < kSize * kSize; ++at) {
      const Blob blob = FloodFill(image, coverage, at);
      if (blob.area >= kLeastArea) blobs.push_back(blob);
    }
    AttributeValues values(attributes().size(), -1);
    if (blobs.empty()) return values;
    if (blobs.size() <= kMostShapes) values[kCountOf] = static_cast<int>(blobs.size()) - 1;
    double x = 0, y = 0, side = 0, colour[3] = {0, 0, 0};
    std::array<int, std::size(kShapes)> votes = {};
    const auto n = static_cast<double>(blobs.size());
    for (const Blob& blob : blobs) {
      x += blob.x / n, y += blob.y / n;
      side += static_cast<double>(std::max(blob.right - blob.left, blob.bottom - blob.top) + 1) / n;
      for (int c = 0; c < 3; ++c) colour[c] += blob.colour[c] / n;
      ++votes[BestShape(blob, whole)];
    }
    values[kSizeOf] = side < kSmall ? 0 : 1;
    values[kColourOf] = NearestColour(colour, kColours);
    values[kShapeOf] =
        static_cast<int>(std::max_element(votes.begin(), votes.end()) - votes.begin());
    values[kPositionOf] = PositionOf(x, y);
    return values;
  }

 protected:
  // "two red circles".
  bool UsesOtherWord(size_t attribute, const AttributeValues& values) const override {
    return attribute == kShapeOf && values[kCountOf] > 0;
  }
};

}  // namespace

const CaptionedWorld& SceneWorld() {
  static const Scenes world;
  return world;
}

}  // namespace tmpq
