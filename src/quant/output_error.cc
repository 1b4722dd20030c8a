#include "src/quant/output_error.h"

#include <Eigen/Dense>

#include "src/quant/range.h"

namespace tmpq {
namespace {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FloatMap =
    Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

// Rows as the integer runtime sees them: each with its own scale.
RowMatrix RoundedRows(std::span<const float> rows, int64_t inputs, int bits, bool symmetric) {
  const int64_t count = static_cast<int64_t>(rows.size()) / inputs;
  RowMatrix rounded(count, inputs);
  for (int64_t r = 0; r < count; ++r) {
    const auto row = rows.subspan(r * inputs, inputs);
    const Grid grid =
        GridOf(FindRange(row, bits, symmetric, RangeMethod::kMinMax, 100), bits, symmetric);
    for (int64_t k = 0; k < inputs; ++k) {
      const int q = RoundToGrid(grid, bits, symmetric, row[k]);
      rounded(r, k) = static_cast<double>(grid.scale) * (q + grid.offset);
    }
  }
  return rounded;
}

}  // namespace

double OutputError(std::span<const float> weights, std::span<const float> rows, int64_t outputs,
                   int64_t inputs, const QuantizedWeights& quantized, int activation_bits,
                   bool activation_symmetric) {
  RowMatrix rounded(outputs, inputs);
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t k = 0; k < inputs; ++k) rounded(n, k) = quantized.ValueAt(n, k);
  }
  const RowMatrix w = FloatMap(weights.data(), outputs, inputs).cast<double>();
  const auto count = static_cast<int64_t>(rows.size()) / inputs;
  const RowMatrix x = FloatMap(rows.data(), count, inputs).cast<double>();
  const RowMatrix exact = x * w.transpose();
  const RowMatrix out =
      RoundedRows(rows, inputs, activation_bits, activation_symmetric) * rounded.transpose();
  const double size = exact.squaredNorm();
  return size > 0 ? (out - exact).squaredNorm() / size : (out - exact).squaredNorm();
}

}  // namespace tmpq
