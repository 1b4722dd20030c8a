#include "src/models/position.h"

#include <cmath>

namespace tmpq {

std::vector<float> SincosPositions2d(int64_t rows, int64_t columns, int64_t features,
                                     int64_t base_size, double interpolation) {
  constexpr double kMaxPeriod = 10000;
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
        for (int64_t i = 0; i < quarter; ++i) {
          const double angle = position / std::pow(kMaxPeriod, static_cast<double>(i) /
                                                                   static_cast<double>(quarter));
          out[i] = static_cast<float>(std::sin(angle));
          out[quarter + i] = static_cast<float>(std::cos(angle));
        }
        out += 2 * quarter;
      }
    }
  }
  return values;
}

}  // namespace tmpq
