#include "src/quant/gptq.h"

#include <Eigen/Dense>
#include <algorithm>
#include <numeric>
#include <vector>

#include "src/core/error.h"

namespace tmpq {

void RoundByGptq(std::span<const float> weights, std::span<const float> rows, double damping,
                 QuantizedWeights& grid) {
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using FloatMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const int64_t n = grid.outputs, k = grid.inputs;
  TMPQ_CHECK(rows.size() % k == 0 && !rows.empty(), "GPTQ needs rows of inputs");
  const Matrix x =
      Eigen::Map<const FloatMatrix>(rows.data(), static_cast<int64_t>(rows.size()) / k, k)
          .cast<double>();
  Matrix hessian = x.transpose() * x;
  const double mean = hessian.diagonal().mean();
  for (int64_t i = 0; i < k; ++i) {
    if (hessian(i, i) == 0) hessian(i, i) = mean > 0 ? mean : 1;  // an input that is never there
  }
  hessian.diagonal().array() += damping * (mean > 0 ? mean : 1);
  // The largest second moments first: their errors find the most inputs to make up for them.
  std::vector<int64_t> order(k);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return hessian(a, a) > hessian(b, b); });
  Matrix sorted(k, k), w(n, k);
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < k; ++j) sorted(i, j) = hessian(order[i], order[j]);
    for (int64_t o = 0; o < n; ++o) w(o, i) = weights[o * k + order[i]];
  }
  // The upper Cholesky factor of the inverse.
  const Matrix inverse = sorted.llt().solve(Matrix::Identity(k, k));
  const Matrix factor = inverse.llt().matrixU();
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t o = 0; o < n; ++o) {
      const int64_t at = o * k + order[i];
      grid.q[at] = RoundToGrid(grid, o, order[i], static_cast<float>(w(o, i)));
      const double error = (w(o, i) - grid.ValueAt(o, order[i])) / factor(i, i);
      for (int64_t j = i + 1; j < k; ++j) w(o, j) -= error * factor(i, j);
    }
  }
}

}  // namespace tmpq
