#include "src/quant/low_rank.h"

#include <Eigen/Dense>
#include <cmath>

namespace tmpq {

FloatBranch TakeLowRank(std::vector<float>& weights, int64_t outputs, int64_t inputs,
                        int64_t rank) {
  using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using FloatMap =
      Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
  const RowMatrix w = FloatMap(weights.data(), outputs, inputs).cast<double>();
  const Eigen::BDCSVD<RowMatrix> svd(w, Eigen::ComputeThinU | Eigen::ComputeThinV);
  FloatBranch branch;
  branch.down.assign(rank * inputs, 0.0f);
  branch.up.assign(outputs * rank, 0.0f);
  for (int64_t r = 0; r < rank; ++r) {
    const double root = std::sqrt(svd.singularValues()(r));
    for (int64_t k = 0; k < inputs; ++k) {
      branch.down[r * inputs + k] = static_cast<float>(root * svd.matrixV()(k, r));
    }
    for (int64_t n = 0; n < outputs; ++n) {
      branch.up[n * rank + r] = static_cast<float>(root * svd.matrixU()(n, r));
    }
  }
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t k = 0; k < inputs; ++k) {
      double product = 0;
      for (int64_t r = 0; r < rank; ++r) {
        product += static_cast<double>(branch.up[n * rank + r]) * branch.down[r * inputs + k];
      }
      weights[n * inputs + k] = static_cast<float>(weights[n * inputs + k] - product);
    }
  }
  return branch;
}

}  // namespace tmpq
