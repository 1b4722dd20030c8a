#include "src/data/sprites.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/data/raster.h"

namespace tmpq {
namespace {

constexpr int64_t kFrames = 8, kSize = 16;  // pixels a side
constexpr int64_t kPixels = kSize * kSize, kFrameElements = kPixels * 3;
constexpr RasterShape kShapes[] = {RasterShape::kSquare, RasterShape::kTriangle,
                                   RasterShape::kCross};
constexpr float kGrounds[][3] = {{-0.95f, -0.95f, -0.95f},
                                 {-0.85f, -0.8f, -0.15f},
                                 {-0.85f, -0.3f, -0.8f},
                                 {-0.25f, -0.85f, -0.8f}};
constexpr double kHalf[] = {2.6, 4.2};   // half a side, pixels, by size
constexpr double kSpeed[] = {0.4, 0.9};  // pixels a frame
constexpr double kMiddleFrame = (kFrames - 1) / 2.0;
constexpr double kSmallestSpeed = 0.15;              // pixels a frame; less is no motion
constexpr double kEighthTurn = 0.78539816339744831;  // radians
constexpr float kShadeSpread = 0.05f;

enum { kSizeOf, kColourOf, kShapeOf, kDirectionOf, kSpeedOf, kGroundOf };

// The moving thing's share of every pixel of a clip, and what it looks like.
struct Figure {
  std::vector<double> coverage;  // (frames, rows, columns)
  std::array<double, 3> ground = {}, colour = {};
  bool found = false;
};

// Medians of each channel: the thing covers less than half of every frame.
std::array<double, 3> GroundOf(std::span<const float> clip) {
  std::array<double, 3> ground;
  std::vector<float> values(kFrames * kPixels);
  for (int c = 0; c < 3; ++c) {
    for (size_t i = 0; i < values.size(); ++i) values[i] = clip[3 * i + c];
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    ground[c] = values[values.size() / 2];
  }
  return ground;
}

Figure FindFigure(std::span<const float> clip) {
  constexpr double kLeastContrast = 0.5, kSolid = 0.8;
  Figure figure;
  figure.ground = GroundOf(clip);
  std::vector<double> contrast(kFrames * kPixels);
  double most = 0;
  for (size_t i = 0; i < contrast.size(); ++i) {
    double square = 0;
    for (int c = 0; c < 3; ++c) square += std::pow(clip[3 * i + c] - figure.ground[c], 2);
    contrast[i] = std::sqrt(square);
    most = std::max(most, contrast[i]);
  }
  if (most < kLeastContrast) return figure;
  double solid = 0, length = 0;
  for (size_t i = 0; i < contrast.size(); ++i) {
    if (contrast[i] < kSolid * most) continue;
    solid += 1;
    for (int c = 0; c < 3; ++c) figure.colour[c] += clip[3 * i + c];
  }
  for (int c = 0; c < 3; ++c) {
    figure.colour[c] /= solid;
    length += std::pow(figure.colour[c] - figure.ground[c], 2);
  }
  figure.coverage.resize(contrast.size());
  for (size_t i = 0; i < contrast.size(); ++i) {
    double along = 0;
    for (int c = 0; c < 3; ++c) {
      along += (clip[3 * i + c] - figure.ground[c]) * (figure.colour[c] - figure.ground[c]);
    }
    const double alpha = std::clamp(along / length, 0.0, 1.0);
    figure.coverage[i] = alpha < 0.2 ? 0 : alpha;  // noise of the ground
  }
  figure.found = true;
  return figure;
}

// Where the thing is and how large, frame by frame.
struct Track {
  std::array<double, kFrames> x = {}, y = {};  // centre of mass
  double half = 0;                             // half a side, mean of the frames
  double speed_x = 0, speed_y = 0;             // pixels a frame
  bool whole = true;                           // there in every frame
};

Track FollowFigure(const Figure& figure) {
  constexpr double kLeastArea = 4;  // pixels
  Track track;
  double weight = 0;
  for (int64_t f = 0; f < kFrames; ++f) {
    const double* alpha = figure.coverage.data() + f * kPixels;
    double area = 0;
    std::array<double, kSize> columns = {}, rows = {};
    for (int64_t i = 0; i < kPixels; ++i) {
      const int64_t column = i % kSize, row = i / kSize;
      area += alpha[i];
      track.x[f] += alpha[i] * (static_cast<double>(column) + 0.5);
      track.y[f] += alpha[i] * (static_cast<double>(row) + 0.5);
      columns[column] = std::max(columns[column], alpha[i]);
      rows[row] = std::max(rows[row], alpha[i]);
    }
    if (area < kLeastArea) {
      track.whole = false;
      continue;
    }
    track.x[f] /= area, track.y[f] /= area;
    for (int64_t i = 0; i < kSize; ++i) track.half += (columns[i] + rows[i]) / 4 / kFrames;
  }
  for (int64_t f = 0; f < kFrames; ++f) {  // slopes by least squares
    const double time = static_cast<double>(f) - kMiddleFrame;
    weight += time * time;
    track.speed_x += time * track.x[f], track.speed_y += time * track.y[f];
  }
  track.speed_x /= weight, track.speed_y /= weight;
  return track;
}

// The shape whose drawing along the track covers the same pixels best.
int BestShape(const Figure& figure, const Track& track) {
  int best = 0;
  double least = INFINITY;
  for (size_t s = 0; s < std::size(kShapes); ++s) {
    // A triangle's centre of mass lies a third of its half side below the middle of its box.
    const double sink = kShapes[s] == RasterShape::kTriangle ? track.half / 3 : 0;
    for (const double change : {-0.4, 0.0, 0.4}) {
      double difference = 0;
      for (int64_t i = 0; i < kFrames * kPixels; ++i) {
        const int64_t f = i / kPixels, row = i % kPixels / kSize, column = i % kSize;
        const PlacedShape placed{kShapes[s], track.x[f], track.y[f] - sink, track.half + change};
        difference += std::pow(CoverageOf(placed, column, row) - figure.coverage[i], 2);
      }
      if (difference < least) least = difference, best = static_cast<int>(s);
    }
  }
  return best;
}

class Sprites : public CaptionedWorld {
 public:
  Sprites()
      : CaptionedWorld(
            "sprites", {kFrames, kSize, kSize, 3},
            {{"size", {"small", "large"}, {}},
             {"colour", {kColourNames.begin(), kColourNames.end()}, {}},
             {"shape", {"square", "triangle", "cross"}, {}},
             {"direction",
              {"right", "down-right", "down", "down-left", "left", "up-left", "up", "up-right"},
              {}},
             {"speed", {"slow", "fast"}, {}},
             {"ground", {"black", "navy", "forest", "maroon"}, {}}}) {}

  void Draw(const AttributeValues& values, RandomStream& random,
            std::span<float> out) const override {
    const auto jitter = [&](double spread) { return spread * (2 * random.Uniform() - 1); };
    float ground[3], colour[3];
    for (int c = 0; c < 3; ++c) {
      ground[c] = kGrounds[values[kGroundOf]][c] + static_cast<float>(jitter(kShadeSpread));
      colour[c] = kColours[values[kColourOf]][c] + static_cast<float>(jitter(kShadeSpread));
    }
    const double half = kHalf[values[kSizeOf]] + jitter(0.2);
    const double speed = kSpeed[values[kSpeedOf]] + jitter(0.05);
    const double angle = kEighthTurn * values[kDirectionOf];
    const double dx = speed * std::cos(angle), dy = speed * std::sin(angle);
    // The whole path stays within the picture.
    const double middle = kSize / 2.0;
    const double room_x = std::max(0.0, middle - half - std::fabs(dx) * kMiddleFrame);
    const double room_y = std::max(0.0, middle - half - std::fabs(dy) * kMiddleFrame);
    const double x = middle + jitter(std::min(room_x, 2.0)),
                 y = middle + jitter(std::min(room_y, 2.0));
    for (int64_t f = 0; f < kFrames; ++f) {
      const std::span<float> frame = out.subspan(f * kFrameElements, kFrameElements);
      for (int64_t i = 0; i < kPixels; ++i) std::copy_n(ground, 3, frame.data() + 3 * i);
      const double time = static_cast<double>(f) - kMiddleFrame;
      PaintShape({kShapes[values[kShapeOf]], x + dx * time, y + dy * time, half}, colour, kSize,
                 frame);
    }
  }

  AttributeValues Judge(std::span<const float> clip) const override {
    AttributeValues values(attributes().size(), -1);
    const Figure figure = FindFigure(clip);
    values[kGroundOf] = NearestColour(figure.ground, kGrounds);
    if (!figure.found) return values;
    values[kColourOf] = NearestColour(figure.colour, kColours);
    const Track track = FollowFigure(figure);
    if (!track.whole) return values;
    values[kSizeOf] = track.half < (kHalf[0] + kHalf[1]) / 2 ? 0 : 1;
    values[kShapeOf] = BestShape(figure, track);
    const double speed = std::hypot(track.speed_x, track.speed_y);
    if (speed < kSmallestSpeed) return values;
    values[kSpeedOf] = speed < (kSpeed[0] + kSpeed[1]) / 2 ? 0 : 1;
    const double turns = std::atan2(track.speed_y, track.speed_x) / kEighthTurn;
    values[kDirectionOf] = (static_cast<int>(std::lround(turns)) + 8) % 8;
    return values;
  }
};

}  // namespace

const CaptionedWorld& SpriteWorld() {
  static const Sprites world;
  return world;
}

}  // namespace tmpq
