// Predicts a candidate's error from tables: what its timesteps leave, and what each narrowed site
// adds.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "src/search/allocation/probes.h"
#include "src/search/space.h"
#include "src/search/timestep_programme.h"

namespace tmpq {

// What was measured once. Errors are squared errors of the final sample, or any measurement that
// is positive and about additive.
struct AdditiveTables {
  TimestepSequence reference;  // where `base` and `damages` were measured
  double base = 0;             // error of the widest bit-widths
  Sensitivities damages;       // of sites; what is missing is 0
  // Errors of the widest bit-widths at other timesteps.
  std::map<std::vector<int>, double> base_of_timesteps = {};
  std::optional<JumpErrors> jumps = {};  // of timesteps that were not measured
};

// The sum of the tables, corrected by a ridge regression on measured candidates. The correction is
// relative to the sum: a factor of the whole, own scales of the quantization's, the timesteps' and
// every gene's part, and products of the worst genes' parts, in the linear or the logarithmic
// domain. Domain and penalty are those of the least leave-one-out error. Not thread-safe to
// Calibrate.
class AdditiveModel {
 public:
  struct Settings {
    size_t worst_genes = 6;  // whose pairs have interaction terms
  };
  struct Prediction {
    double error = 0;
    double log_deviation = 0;  // standard deviation of its logarithm
  };
  // How well the measured candidates that it was calibrated on are predicted.
  struct Fit {
    size_t candidates = 0;
    bool logarithmic = true;
    double penalty = 0;
    double deviation_before = 0;  // root mean square of log(measured / predicted), tables alone
    double deviation = 0;         // the same, each candidate predicted without itself
  };

  // `space` outlives it. Throws kInput for jump errors that do not check.
  AdditiveModel(const SearchSpace& space, AdditiveTables tables, const Settings& settings);
  AdditiveModel(const SearchSpace& space, AdditiveTables tables)
      : AdditiveModel(space, std::move(tables), Settings()) {}

  // Anew, from all candidates that are known; errors that are not positive numbers are left out.
  void Calibrate(std::span<const Candidate> candidates, std::span<const double> errors);
  Prediction Predict(const Candidate& candidate) const;
  // The tables alone.
  double Sum(const Candidate& candidate) const;
  // What the tables say of timesteps at the widest bit-widths.
  double TimestepError(const TimestepSequence& timesteps) const;
  const Fit& fit() const { return fit_; }
  const AdditiveTables& tables() const { return tables_; }

 private:
  struct Parts;
  Parts PartsOf(const Candidate& candidate) const;
  void AppendTimesteps(const Candidate& candidate, const Parts& parts,
                       std::vector<double>& features) const;
  // Each about 1 where it matters; the sum receives Sum(candidate).
  std::vector<double> FeaturesOf(const Candidate& candidate, double& sum) const;

  const SearchSpace& space_;
  AdditiveTables tables_;
  std::vector<std::vector<double>> damage_;  // [gene][index]
  std::vector<size_t> worst_;                // genes of the largest damages
  double reference_jumps_ = 0;
  Fit fit_;
  std::vector<double> weights_;  // of features; empty before a calibration
  std::vector<double> factor_;   // (features, features), lower: Cholesky of the normal equations
};

}  // namespace tmpq
