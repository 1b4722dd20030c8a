// The field's continuous test problems (Zitzler, Deb & Thiele 2000; Deb et al. 2005), and the
// operators of real-coded NSGA-II (Deb & Agrawal 1995).
#pragma once

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/search/dominance.h"

namespace tmpq {

using Reals = std::vector<double>;

struct ContinuousProblem {
  std::string name;
  size_t variables;

  double Low(size_t i) const { return name == "zdt4" && i > 0 ? -5 : 0; }
  double High(size_t i) const { return name == "zdt4" && i > 0 ? 5 : 1; }

  Objectives Evaluate(const Reals& x) const { return name == "dtlz2" ? Dtlz2(x) : Zdt(x); }

 private:
  Objectives Zdt(const Reals& x) const {
    constexpr double kPi = std::numbers::pi;
    const auto n = static_cast<double>(x.size());
    double sum = 0;
    for (size_t i = 1; i < x.size(); ++i) {
      sum += name == "zdt4" ? x[i] * x[i] - 10 * std::cos(4 * kPi * x[i]) : x[i];
    }
    if (name == "zdt4") return Front(x[0], 1 + 10 * (n - 1) + sum);
    if (name != "zdt6") return Front(x[0], 1 + 9 * sum / (n - 1));
    const double f = 1 - std::exp(-4 * x[0]) * std::pow(std::sin(6 * kPi * x[0]), 6);
    return Front(f, 1 + 9 * std::pow(sum / (n - 1), 0.25));
  }
  Objectives Front(double f, double g) const {
    double h = 1 - std::sqrt(f / g);
    if (name == "zdt2" || name == "zdt6") h = 1 - f / g * (f / g);
    if (name == "zdt3") h -= f / g * std::sin(10 * std::numbers::pi * f);
    return {f, g * h};
  }
  static Objectives Dtlz2(const Reals& x) {
    double g = 0;
    for (size_t i = 2; i < x.size(); ++i) g += (x[i] - 0.5) * (x[i] - 0.5);
    const double a = x[0] * std::numbers::pi / 2, b = x[1] * std::numbers::pi / 2;
    return {(1 + g) * std::cos(a) * std::cos(b), (1 + g) * std::cos(a) * std::sin(b),
            (1 + g) * std::sin(a)};
  }
};

// Simulated binary crossover, eta 15, of each pair of variables with probability 1/2.
inline void Cross(const ContinuousProblem& problem, Reals& a, Reals& b, RandomStream& random) {
  constexpr double kEta = 15;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!random.Chance(0.5) || std::abs(a[i] - b[i]) < 1e-14) continue;
    const double low = std::min(a[i], b[i]), high = std::max(a[i], b[i]), u = random.Uniform();
    const auto spread = [&](double room) {
      const double alpha = 2 - std::pow(1 + 2 * room / (high - low), -(kEta + 1));
      return u <= 1 / alpha ? std::pow(u * alpha, 1 / (kEta + 1))
                            : std::pow(1 / (2 - u * alpha), 1 / (kEta + 1));
    };
    const double middle = (low + high) / 2, half = (high - low) / 2;
    double c =
        std::clamp(middle - half * spread(low - problem.Low(i)), problem.Low(i), problem.High(i));
    double d =
        std::clamp(middle + half * spread(problem.High(i) - high), problem.Low(i), problem.High(i));
    if (random.Chance(0.5)) std::swap(c, d);
    a[i] = c, b[i] = d;
  }
}

// Polynomial mutation, eta 20, of one variable in the mean.
inline void MutateReals(const ContinuousProblem& problem, Reals& x, RandomStream& random) {
  constexpr double kEta = 20;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!random.Chance(1.0 / static_cast<double>(x.size()))) continue;
    const double width = problem.High(i) - problem.Low(i), u = random.Uniform();
    const double below = (x[i] - problem.Low(i)) / width, above = (problem.High(i) - x[i]) / width;
    const double step =
        u < 0.5 ? std::pow(2 * u + (1 - 2 * u) * std::pow(1 - below, kEta + 1), 1 / (kEta + 1)) - 1
                : 1 - std::pow(2 * (1 - u) + 2 * (u - 0.5) * std::pow(1 - above, kEta + 1),
                               1 / (kEta + 1));
    x[i] = std::clamp(x[i] + step * width, problem.Low(i), problem.High(i));
  }
}

}  // namespace tmpq
