#include "src/search/additive_model.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "src/core/error.h"

namespace tmpq {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::VectorXd;

constexpr double kPenalties[] = {0.001, 0.01, 0.1, 1, 10};
constexpr size_t kFewestCandidates = 8;         // that a correction is fitted to
constexpr double kUncalibratedDeviation = 0.4;  // a factor of 1.5
constexpr double kLeastShare = 0.05;            // of base or sum: predictions stay positive
constexpr int kParts = 3;                       // of the steps, whose damage has a scale of its own

double LinearFactor(double correction) { return std::max(kLeastShare, 1 + correction); }

// Root mean square of log(measured / predicted), each candidate left out once. `y`: log(measured /
// sum), or measured / sum - 1.
double LeaveOneOut(const VectorXd& y, const VectorXd& fitted, const VectorXd& leverage,
                   bool logarithmic) {
  double sum = 0;
  for (Eigen::Index i = 0; i < y.size(); ++i) {
    const double without = y[i] - (y[i] - fitted[i]) / std::max(1e-9, 1 - leverage[i]);
    const double difference =
        logarithmic ? y[i] - without : std::log1p(y[i]) - std::log(LinearFactor(without));
    sum += difference * difference;
  }
  return std::sqrt(sum / static_cast<double>(y.size()));
}

// Errors of the jumps of a sequence, each timestep moved to the nearest of the grid.
double JumpsOf(const JumpErrors& jumps, const TimestepSequence& timesteps) {
  const auto nearest = [&](int timestep) {
    size_t best = 0;
    for (size_t i = 1; i < jumps.size(); ++i) {
      if (std::abs(jumps.timesteps[i] - timestep) < std::abs(jumps.timesteps[best] - timestep))
        best = i;
    }
    return best;
  };
  size_t at = nearest(timesteps[0]);
  double error = jumps.start[at];
  for (int k = 1; k < timesteps.size(); ++k) {
    const size_t next = nearest(timesteps[k]);
    if (next == at) continue;
    error += jumps.Of(at, next);
    at = next;
  }
  return error + jumps.Of(at, jumps.size());
}

}  // namespace

// What a sum consists of.
struct AdditiveModel::Parts {
  double schedule = 0;                     // TimestepError
  double damage = 0;                       // of all sites, mean over steps
  std::vector<double> by_part;             // damage by third of the steps, each a share of the mean
  std::vector<std::vector<double>> genes;  // [gene][index]: damage, mean over steps
  double sum = 0;
};

AdditiveModel::AdditiveModel(const SearchSpace& space, AdditiveTables tables,
                             const Settings& settings)
    : space_(space), tables_(std::move(tables)) {
  TMPQ_CHECK(tables_.base >= 0, "a base error is not negative");
  if (tables_.jumps.has_value()) {
    tables_.jumps->Check("jump errors");
    reference_jumps_ = JumpsOf(*tables_.jumps, tables_.reference);
  }
  for (const SiteGene& gene : space_.genes()) {
    auto& damage = damage_.emplace_back(gene.choices, 0.0);
    for (size_t index = 0; index < gene.choices; ++index) {
      for (const size_t site : gene.sites) {
        const auto found = tables_.damages.find({site, space_.ChoicesOf(site)[index]});
        if (found != tables_.damages.end()) damage[index] += found->second;
      }
    }
  }
  std::vector<size_t> order(damage_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return damage_[a][0] > damage_[b][0]; });
  order.resize(std::min(order.size(), settings.worst_genes));
  worst_ = std::move(order);
}

double AdditiveModel::TimestepError(const TimestepSequence& timesteps) const {
  if (timesteps == tables_.reference) return tables_.base;
  const auto found = tables_.base_of_timesteps.find(timesteps.values());
  if (found != tables_.base_of_timesteps.end()) return found->second;
  if (!tables_.jumps.has_value()) return tables_.base;
  const double moved = JumpsOf(*tables_.jumps, timesteps) - reference_jumps_;
  return std::max(kLeastShare * tables_.base, tables_.base + moved);
}

AdditiveModel::Parts AdditiveModel::PartsOf(const Candidate& candidate) const {
  Parts parts;
  parts.by_part.assign(kParts, 0.0);
  for (const auto& damage : damage_) parts.genes.emplace_back(damage.size(), 0.0);
  std::vector<double> share(candidate.policies().size(), 0.0);
  for (int k = 0; k < candidate.steps(); ++k) {
    share[candidate.policy_index(k)] += 1.0 / candidate.steps();
  }
  std::vector<double> of_policy(share.size(), 0.0);
  for (size_t p = 0; p < share.size(); ++p) {
    for (size_t g = 0; g < damage_.size(); ++g) {
      const size_t index = space_.IndexOf(candidate.policies()[p], space_.genes()[g]);
      if (index >= damage_[g].size()) continue;  // a width outside the space
      parts.genes[g][index] += share[p] * damage_[g][index];
      of_policy[p] += damage_[g][index];
    }
    parts.damage += share[p] * of_policy[p];
  }
  for (int k = 0; k < candidate.steps(); ++k) {
    parts.by_part[k * kParts / candidate.steps()] +=
        of_policy[candidate.policy_index(k)] / candidate.steps();
  }
  parts.schedule = TimestepError(candidate.timesteps());
  parts.sum = std::max(parts.schedule + parts.damage, std::max(kLeastShare * tables_.base, 1e-300));
  return parts;
}

double AdditiveModel::Sum(const Candidate& candidate) const { return PartsOf(candidate).sum; }

void AdditiveModel::AppendTimesteps(const Candidate& candidate, const Parts& parts,
                                    std::vector<double>& features) const {
  const auto& fixed = space_.settings().fixed_timesteps;
  const double damage = parts.damage / parts.sum, schedule = parts.schedule / parts.sum;
  for (const TimestepSequence& sequence : fixed) {
    const bool own = fixed.size() > 1 && sequence == candidate.timesteps();
    features.push_back(own ? schedule : 0);
    features.push_back(own ? damage : 0);
  }
  if (!fixed.empty()) return;
  const double width = static_cast<double>(space_.settings().training_steps) / candidate.steps();
  for (int k = 0; k < candidate.steps() && k < tables_.reference.size(); ++k) {
    const double moved = (candidate.timesteps()[k] - tables_.reference[k]) / width;
    features.push_back(moved * schedule);
    features.push_back(moved * moved * schedule);
  }
}

std::vector<double> AdditiveModel::FeaturesOf(const Candidate& candidate, double& sum) const {
  const Parts parts = PartsOf(candidate);
  sum = parts.sum;
  const double base = std::max(tables_.base, 1e-300);
  std::vector<double> features = {1, parts.damage / sum, std::log(sum / base),
                                  (parts.schedule - tables_.base) / sum};
  if (!space_.consistent()) {
    for (const double damage : parts.by_part) features.push_back(damage / sum);
  }
  std::vector<double> shares;
  for (const auto& gene : parts.genes) {
    double share = 0;
    // The widest index has no damage.
    for (size_t index = 0; index + 1 < gene.size(); ++index) {
      features.push_back(gene[index] / sum);
      share += gene[index] / sum;
    }
    shares.push_back(std::max(0.0, share));
  }
  for (size_t a = 0; a < worst_.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      features.push_back(std::sqrt(shares[worst_[a]] * shares[worst_[b]]));
    }
  }
  AppendTimesteps(candidate, parts, features);
  return features;
}

void AdditiveModel::Calibrate(std::span<const Candidate> candidates,
                              std::span<const double> errors) {
  TMPQ_CHECK(candidates.size() == errors.size(), "every candidate has an error");
  std::vector<std::vector<double>> rows;
  std::vector<double> ratios;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (!std::isfinite(errors[i]) || !(errors[i] > 0)) continue;
    double sum = 0;
    rows.push_back(FeaturesOf(candidates[i], sum));
    ratios.push_back(errors[i] / sum);
  }
  fit_ = Fit();
  weights_.clear();
  fit_.candidates = rows.size();
  if (rows.size() < kFewestCandidates) return;
  const auto n = static_cast<Eigen::Index>(rows.size()),
             p = static_cast<Eigen::Index>(rows[0].size());
  Matrix x(n, p);
  VectorXd linear(n), logarithm(n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < p; ++j) x(i, j) = rows[i][j];
    linear[i] = ratios[i] - 1, logarithm[i] = std::log(ratios[i]);
  }
  fit_.deviation_before = std::sqrt(logarithm.squaredNorm() / static_cast<double>(n));
  fit_.deviation = std::numeric_limits<double>::infinity();
  const Matrix normal = x.transpose() * x;
  for (const double penalty : kPenalties) {
    const Eigen::LLT<Matrix> solver(normal + penalty * Matrix::Identity(p, p));
    const Matrix inverse_times_x = solver.solve(Matrix(x.transpose()));  // (p, n)
    const VectorXd leverage = x.cwiseProduct(inverse_times_x.transpose()).rowwise().sum();
    for (const bool logarithmic : {true, false}) {
      const VectorXd& y = logarithmic ? logarithm : linear;
      const VectorXd weights = inverse_times_x * y;
      const double deviation = LeaveOneOut(y, x * weights, leverage, logarithmic);
      if (!(deviation < fit_.deviation)) continue;
      fit_.deviation = deviation, fit_.penalty = penalty, fit_.logarithmic = logarithmic;
      weights_.assign(weights.data(), weights.data() + p);
      const Matrix lower = solver.matrixL();
      factor_.assign(lower.data(), lower.data() + p * p);
    }
  }
}

AdditiveModel::Prediction AdditiveModel::Predict(const Candidate& candidate) const {
  double sum = 0;
  const std::vector<double> features = FeaturesOf(candidate, sum);
  if (weights_.empty()) return {sum, kUncalibratedDeviation};
  const auto p = static_cast<Eigen::Index>(features.size());
  const Eigen::Map<const VectorXd> x(features.data(), p), weights(weights_.data(), p);
  const Eigen::Map<const Matrix> lower(factor_.data(), p, p);
  const double correction = weights.dot(x);
  const double factor = fit_.logarithmic ? std::exp(correction) : LinearFactor(correction);
  const double variance = lower.triangularView<Eigen::Lower>().solve(x).squaredNorm();
  return {sum * factor, fit_.deviation * std::sqrt(1 + variance)};
}

}  // namespace tmpq
