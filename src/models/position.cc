#include "src/models/position.h"

#include <cmath>

namespace tmpq {
namespace {

constexpr double kMaxPeriod = 10000;

// `half` sines of a position at falling frequencies, then as many cosines.
void WriteSincos(double position, int64_t half, float* out) {
  for (int64_t i = 0; i < half; ++i) {
    const double angle =
        position / std::pow(kMaxPeriod, static_cast<double>(i) / static_cast<double>(half));
    out[i] = static_cast<float>(std::sin(angle));
    out[half + i] = static_cast<float>(std::cos(angle));
  }
}

}  // namespace

std::vector<float> SincosPositions1d(int64_t count, int64_t features) {
  std::vector<float> values(count * features);
  for (int64_t i = 0; i < count; ++i) {
    WriteSincos(static_cast<double>(i), features / 2, values.data() + i * features);
  }
  return values;
}

std::vector<float> SincosPositions2d(int64_t rows, int64_t columns, int64_t features,
                                     int64_t base_size, double interpolation) {
  const int64_t quarter = features / 4;
  std::vector<float> values(rows * columns * features);
  const auto scaled = [&](int64_t index, int64_t size) {
    const double scale = static_cast<double>(size) / static_cast<double>(base_size);
    return static_cast<double>(
        static_cast<float>(static_cast<double>(index) / scale / interpolation));
  };
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      float* out = values.data() + (row * columns + column) * features;
      const double positions[] = {scaled(column, columns), scaled(row, rows)};
      for (const double position : positions) {
        WriteSincos(position, quarter, out);
        out += 2 * quarter;
      }
    }
  }
  return values;
}

}  // namespace tmpq
