#include "src/search/allocation/integer_programme.h"

#include <CbcModel.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "src/core/error.h"
#include "src/search/allocation/greedy.h"

namespace tmpq {
namespace {

constexpr size_t kErrors = static_cast<size_t>(-1);  // what is minimised instead of a cost
constexpr int kMostAttempts = 8;
constexpr double kTolerance = 1e-7;  // of reduced costs
constexpr double kGap = 1e-10;       // of the objective, whose steps are at most 1 a group
constexpr double kNoLimit = std::numeric_limits<double>::max();  // CBC's own infinity

// Columns are items, group after group; rows are limits, then groups.
class Programme {
 public:
  // `objective`: the index of a cost that is minimised, its own limit aside; or kErrors.
  Programme(const AllocationProblem& problem, size_t objective)
      : problem_(problem), objective_(objective), scales_(problem.limits.size(), 1) {
    for (size_t k = 0; k < scales_.size(); ++k) scales_[k] = ScaleOf(k);
  }

  // The best allocation, or none where nothing fits.
  std::optional<Allocation> Solve() const {
    // CBC's limits hold to a tolerance. Where its answer exceeds one by that, the limit moves.
    std::vector<double> slack(scales_.size(), 0);
    for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
      const auto items = SolveOnce(slack);
      if (!items) return std::nullopt;
      const Allocation found = AllocationOf(problem_, *items);
      bool fits = true;
      for (size_t k = 0; k < slack.size(); ++k) {
        const double excess = found.costs[k] - problem_.limits[k].limit;
        if (k == objective_ || excess <= 0) continue;
        slack[k] += 2 * excess / scales_[k] + 1e-9 * (1 << attempt);
        fits = false;
      }
      if (fits) return found;
    }
    throw Error(ErrorCode::kUnsupported, "integer programme",
                "the solver's answers exceed the limits by its tolerance");
  }

 private:
  // Rows' coefficients are near 1.
  double ScaleOf(size_t k) const {
    double largest = problem_.limits[k].limit;
    for (const auto& group : problem_.groups) {
      for (const AllocationItem& item : group) largest = std::max(largest, item.costs[k]);
    }
    return largest > 0 ? largest : 1;
  }

  double Objective(const AllocationItem& item) const {
    return objective_ == kErrors ? item.error : item.costs[objective_];
  }

  std::optional<std::vector<int>> SolveOnce(const std::vector<double>& slack) const {
    std::vector<CoinBigIndex> starts = {0};
    std::vector<int> rows;
    std::vector<double> values, objective;
    const int limits = static_cast<int>(scales_.size());
    double range = 0;
    for (size_t g = 0; g < problem_.groups.size(); ++g) {
      double least = Objective(problem_.groups[g][0]), most = least;
      for (const AllocationItem& item : problem_.groups[g]) {
        least = std::min(least, Objective(item)), most = std::max(most, Objective(item));
      }
      range = std::max(range, most - least);
      for (const AllocationItem& item : problem_.groups[g]) {
        for (int k = 0; k < limits; ++k) {
          if (item.costs[k] == 0) continue;
          rows.push_back(k), values.push_back(item.costs[k] / scales_[k]);
        }
        rows.push_back(limits + static_cast<int>(g)), values.push_back(1);
        starts.push_back(static_cast<CoinBigIndex>(rows.size()));
        objective.push_back(Objective(item) - least);
      }
    }
    for (double& value : objective) value /= range > 0 ? range : 1;
    const int columns = static_cast<int>(objective.size()),
              all_rows = limits + static_cast<int>(problem_.groups.size());
    std::vector<double> low(all_rows, 1), high(all_rows, 1);
    for (int k = 0; k < limits; ++k) {
      low[k] = -kNoLimit;
      high[k] = static_cast<size_t>(k) == objective_
                    ? kNoLimit
                    : problem_.limits[k].limit / scales_[k] - slack[k];
    }
    const std::vector<double> zeros(columns, 0), ones(columns, 1);
    const CoinPackedMatrix matrix(/*colordered=*/true, all_rows, columns,
                                  static_cast<CoinBigIndex>(rows.size()), values.data(),
                                  rows.data(), starts.data(), nullptr);
    OsiClpSolverInterface relaxation;
    relaxation.messageHandler()->setLogLevel(0);
    relaxation.loadProblem(matrix, zeros.data(), ones.data(), objective.data(), low.data(),
                           high.data());
    for (int c = 0; c < columns; ++c) relaxation.setInteger(c);
    relaxation.initialSolve();
    if (relaxation.isProvenPrimalInfeasible()) return std::nullopt;
    FixHopeless(relaxation);
    return BranchAndBound(relaxation);
  }

  // A greedy allocation that weighs limits as the relaxation prices them, or equally.
  std::optional<Allocation> Known(const OsiClpSolverInterface& relaxation) const {
    std::vector<double> prices;
    for (size_t k = 0; k < scales_.size(); ++k) {
      prices.push_back(std::fabs(relaxation.getRowPrice()[k]) * problem_.limits[k].limit /
                       scales_[k]);
    }
    std::optional<Allocation> best;
    for (const auto& weights : {prices, std::vector<double>{}}) {
      try {
        Allocation found = PromoteGreedily(problem_, PromotionRule::kReliefPerCost, weights);
        if (!best || IsBetter(found, *best)) best = std::move(found);
      } catch (const Error&) {  // several limits: it may fail where something fits
      }
    }
    return best;
  }

  // Items that no allocation as good as a known one can hold, by their reduced costs; few are left.
  void FixHopeless(OsiClpSolverInterface& relaxation) const {
    const auto best = objective_ == kErrors ? Known(relaxation) : std::nullopt;
    if (!best) return;
    double known = 0;
    const double* objective = relaxation.getObjCoefficients();
    const double* reduced = relaxation.getReducedCost();
    int column = 0;
    for (size_t g = 0; g < problem_.groups.size(); ++g) {
      known += objective[column + best->items[g]];
      column += static_cast<int>(problem_.groups[g].size());
    }
    const double left = known - relaxation.getObjValue();
    for (int c = 0; c < column; ++c) {
      if (reduced[c] > left + kTolerance) relaxation.setColUpper(c, 0);
    }
  }

  // CBC's plain branch and bound. Its C interface runs the command line's driver, whose
  // preprocessing (2.10) loses optima of small problems (its issues 283 and 293), and which aborts
  // on some without it.
  std::optional<std::vector<int>> BranchAndBound(const OsiClpSolverInterface& relaxation) const {
    CbcModel model(relaxation);
    model.setLogLevel(0);
    model.setAllowableGap(kGap);
    model.setAllowableFractionGap(0);
    model.setDblParam(CbcModel::CbcCutoffIncrement, kGap);  // smaller gains count, too
    model.branchAndBound();
    if (model.isProvenInfeasible()) return std::nullopt;
    if (!model.isProvenOptimal() || model.bestSolution() == nullptr) {
      throw Error(ErrorCode::kUnsupported, "integer programme",
                  "CBC stopped with status " + std::to_string(model.status()));
    }
    return ItemsOf(model.bestSolution());
  }

  std::vector<int> ItemsOf(const double* solution) const {
    std::vector<int> items;
    for (const auto& group : problem_.groups) {
      items.push_back(
          static_cast<int>(std::max_element(solution, solution + group.size()) - solution));
      solution += group.size();
    }
    return items;
  }

  const AllocationProblem& problem_;
  size_t objective_;
  std::vector<double> scales_;
};

// Each limit could be kept alone, but not all at once.
[[noreturn]] void ThrowExclusive(const AllocationProblem& problem) {
  for (size_t k = 0; k < problem.limits.size(); ++k) {
    const auto cheapest = Programme(problem, k).Solve();
    if (cheapest) {
      ThrowInfeasible(problem.limits[k], cheapest->costs[k], " together with the other limits");
    }
  }
  throw Error(ErrorCode::kUsage, "limits", "exclude each other, whichever is given up");
}

}  // namespace

Allocation SolveIntegerProgramme(const AllocationProblem& problem) {
  CheckFeasible(problem);
  const auto found = Programme(problem, kErrors).Solve();
  if (!found) ThrowExclusive(problem);
  return *found;
}

}  // namespace tmpq
