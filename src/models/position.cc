#include "src/models/position.h"

#include <cmath>
#include <numeric>

namespace tmpq {
namespace {

constexpr double kMaxPeriod = 10000;

// Angle i of `count`.
double AngleOf(double position, int64_t i, int64_t count) {
  return position / std::pow(kMaxPeriod, static_cast<double>(i) / static_cast<double>(count));
}

// `features` values: sines, then cosines.
void WriteSincos(double position, int64_t features, float* out) {
  const int64_t half = features / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double angle = AngleOf(position, i, half);
    out[i] = static_cast<float>(std::sin(angle));
    out[half + i] = static_cast<float>(std::cos(angle));
  }
}

// `features` values: a cosine and a sine a pair.
void WriteRotary(double position, int64_t features, float* out) {
  const int64_t pairs = features / 2;
  for (int64_t i = 0; i < pairs; ++i) {
    const double angle = AngleOf(position, i, pairs);
    out[2 * i] = static_cast<float>(std::cos(angle));
    out[2 * i + 1] = static_cast<float>(std::sin(angle));
  }
}

// Half of every token's features from its column, half from its row.
std::vector<float> OfGrid(const std::vector<double>& rows, const std::vector<double>& columns,
                          int64_t features, void (*write)(double, int64_t, float*)) {
  std::vector<float> values(rows.size() * columns.size() * features);
  float* out = values.data();
  for (const double row : rows) {
    for (const double column : columns) {
      write(column, features / 2, out);
      write(row, features / 2, out + features / 2);
      out += features;
    }
  }
  return values;
}

}  // namespace

std::vector<float> SincosPositions1d(const std::vector<double>& positions, int64_t features) {
  std::vector<float> values(positions.size() * features);
  for (size_t i = 0; i < positions.size(); ++i) {
    WriteSincos(positions[i], features, values.data() + i * features);
  }
  return values;
}

std::vector<float> SincosPositions1d(int64_t count, int64_t features) {
  std::vector<double> positions(count);
  std::iota(positions.begin(), positions.end(), 0.0);
  return SincosPositions1d(positions, features);
}

std::vector<float> SincosPositions2d(const std::vector<double>& rows,
                                     const std::vector<double>& columns, int64_t features) {
  return OfGrid(rows, columns, features, WriteSincos);
}

std::vector<float> SincosPositions2d(int64_t rows, int64_t columns, int64_t features,
                                     int64_t base_size, double interpolation) {
  const auto scaled = [&](int64_t size) {
    std::vector<double> positions(size);
    const double scale = static_cast<double>(size) / static_cast<double>(base_size);
    for (int64_t i = 0; i < size; ++i) {
      positions[i] = static_cast<float>(static_cast<double>(i) / scale / interpolation);
    }
    return positions;
  };
  return SincosPositions2d(scaled(rows), scaled(columns), features);
}

std::vector<float> RotaryPositions2d(const std::vector<double>& rows,
                                     const std::vector<double>& columns, int64_t features) {
  return OfGrid(rows, columns, features, WriteRotary);
}

}  // namespace tmpq
