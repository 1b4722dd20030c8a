// Antialiased shapes on small pictures, drawn and recognised.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tmpq {

enum class RasterShape { kCircle, kSquare, kTriangle, kCross };

// Places are in pixels from the top left corner; `half` is half a side.
struct PlacedShape {
  RasterShape shape = RasterShape::kSquare;
  double x = 0, y = 0, half = 1;  // the middle of its box
};

// Share of the pixel (column, row) that the shape covers, of 4 x 4 points.
double CoverageOf(const PlacedShape& placed, int64_t column, int64_t row);

// Paints the shape over a square picture (size, size, 3).
void PaintShape(const PlacedShape& placed, std::span<const float, 3> colour, int64_t size,
                std::span<float> picture);

// The names of the colours that captions use, and the colours.
inline constexpr std::array kColourNames = {"red",     "green", "blue", "yellow",
                                            "magenta", "cyan",  "white"};
inline constexpr float kColours[][3] = {
    {0.9f, -0.8f, -0.8f}, {-0.8f, 0.7f, -0.7f}, {-0.7f, -0.5f, 1.0f}, {0.9f, 0.8f, -0.8f},
    {0.9f, -0.7f, 0.9f},  {-0.8f, 0.8f, 0.9f},  {0.9f, 0.9f, 0.9f}};

// Which of `colours` is nearest.
int NearestColour(std::span<const double, 3> colour, std::span<const float[3]> colours);

}  // namespace tmpq
