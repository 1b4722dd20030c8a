// How often the 95 % intervals hold the truth, in simulations where it is known. Prints the table
// of docs/metrics.md; ends with 1 when a row that must lie in 93..97 % does not.
//
//   metrics_coverage [TURNS]     2,000 unless told otherwise: a coverage of 95 % is then known to
//                                +-.5 % (one standard deviation)
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/metrics/frechet.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/manifold.h"
#include "src/metrics/psnr.h"
#include "src/metrics/rank_correlation.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

constexpr int64_t kPopulation = 20000;
const Hash128 kSpace = HashString("simulation");

std::vector<float> Normal(int64_t count, uint64_t stream) {
  std::vector<float> values(count);
  FillNormal(7, RandomPurpose::kTest, stream, values);
  return values;
}

// Rows that samples are drawn from, independently and with equal chances, so that every expectation
// over one row is a mean over the population.
struct Population {
  std::vector<float> rows;
  int64_t dimension = 0;
};

// Correlated features with heavier tails than a normal's, as pooled activations have.
Population Features(int64_t dimension, uint64_t stream, float shift, float scale) {
  Population population{Normal(kPopulation * dimension, stream), dimension};
  for (int64_t i = 0; i < kPopulation; ++i) {
    float* row = population.rows.data() + i * dimension;
    for (int64_t k = 0; k < dimension; ++k) {
      row[k] = std::copysign(std::pow(std::abs(row[k]), 1.2f), row[k]);
      if (k > 0) row[k] = 0.8f * row[k] + 0.6f * row[k - 1];
    }
    for (int64_t k = 0; k < dimension; ++k) row[k] = row[k] * scale + shift;
  }
  return population;
}

// The same rows, each changed a little: a second candidate on the same noise.
Population Changed(Population population, uint64_t stream, float shift) {
  const auto noise = Normal(static_cast<int64_t>(population.rows.size()), stream);
  for (size_t i = 0; i < noise.size(); ++i) population.rows[i] += 0.2f * noise[i] + shift;
  return population;
}

// `n` rows of a turn; sides of one turn with one `side` number are paired.
std::vector<float> Draw(const Population& population, int64_t n, int turn, int side) {
  RandomStream random(11, RandomPurpose::kTest, static_cast<uint64_t>(2 * turn + side));
  std::vector<float> rows;
  for (int64_t i = 0; i < n; ++i) {
    const float* row = population.rows.data() + random.Below(kPopulation) * population.dimension;
    rows.insert(rows.end(), row, row + population.dimension);
  }
  return rows;
}

// The kernel distance of two populations: the cubic kernel's feature space holds the moments up to
// the third, (x'y / d + 1)^3 = sum over j of (3 choose j) d^-j <x^(j), y^(j)>.
std::vector<double> Moments(const Population& population) {
  const int64_t d = population.dimension;
  const double weights[] = {1.0, std::sqrt(3.0 / d), std::sqrt(3.0) / d, std::pow(d, -1.5)};
  std::vector<double> moments(d + d * d + d * d * d, 0.0);
  for (int64_t i = 0; i < kPopulation; ++i) {
    const float* x = population.rows.data() + i * d;
    double* first = moments.data();
    double *second = first + d, *third = second + d * d;
    for (int64_t a = 0; a < d; ++a) {
      first[a] += weights[1] * x[a] / kPopulation;
      for (int64_t b = 0; b < d; ++b) {
        const double xx = static_cast<double>(x[a]) * x[b] / kPopulation;
        second[a * d + b] += weights[2] * xx;
        for (int64_t c = 0; c < d; ++c) third[(a * d + b) * d + c] += weights[3] * xx * x[c];
      }
    }
  }
  return moments;
}

double TrueKernelDistance(const Population& a, const Population& b) {
  const auto first = Moments(a), second = Moments(b);
  double sum = 0;
  for (size_t i = 0; i < first.size(); ++i) sum += (first[i] - second[i]) * (first[i] - second[i]);
  return sum;
}

class Simulation {
 public:
  explicit Simulation(int turns) : turns_(turns) {
    std::printf("| metric | setting | estimand | turns | coverage |\n|---|---|---|---|---|\n");
  }

  // Without a truth: the mean of all turns' values, the expected value at this n.
  void Run(const std::string& metric, const std::string& setting, std::optional<double> truth,
           int turns, bool must_cover, const std::function<Estimate(int)>& measure) {
    std::vector<Estimate> estimates(turns);
    double mean = 0;
    for (int turn = 0; turn < turns; ++turn) {
      estimates[turn] = measure(turn);
      mean += estimates[turn].value / turns;
    }
    const double target = truth.value_or(mean);
    int covered = 0;
    for (const Estimate& one : estimates) covered += one.low <= target && target <= one.high;
    const double percent = 100.0 * covered / turns;
    std::printf("| %s | %s | %s %.4g | %d | %.1f %%%s |\n", metric.c_str(), setting.c_str(),
                truth.has_value() ? "truth" : "expected at n", target, turns, percent,
                must_cover ? " (93..97)" : "");
    std::fflush(stdout);
    if (must_cover && (percent < 93.0 || percent > 97.0)) passed_ = false;
  }

  int turns() const { return turns_; }
  bool passed() const { return passed_; }

 private:
  int turns_;
  bool passed_ = true;
};

// In few dimensions a row's kernel values are cubes of heavy tails, and no interval that looks at
// 150 of them covers; in many, x'x / d concentrates, as it does for feature networks.
void SimulateKernel(Simulation& simulation) {
  const int64_t cases[][2] = {{6, 150}, {32, 300}};
  for (const auto& [d, n] : cases) {
    const std::string setting = "d = " + std::to_string(d) + ", n = m = " + std::to_string(n);
    const bool gated = d >= 32;
    const Population reference = Features(d, 1, 0, 1), far = Features(d, 2, 0.5f, 1.2f),
                     near = Features(d, 3, 0.1f, 1), changed = Changed(far, 4, 0.05f);
    const auto run = [&, d = d, n = n](const std::string& relation, const Population& candidate,
                                       bool must_cover) {
      simulation.Run("kid", setting + ", " + relation, TrueKernelDistance(candidate, reference),
                     simulation.turns() / 2, must_cover, [&](int turn) {
                       return EstimateKernelDistance(Draw(candidate, n, turn, 0),
                                                     Draw(reference, n, turn, 1), d);
                     });
    };
    run("shifted and wider", far, gated);
    run("nearly equal", near, gated);
    run("equal", reference, false);
    simulation.Run("kid, paired difference", setting,
                   TrueKernelDistance(changed, reference) - TrueKernelDistance(far, reference),
                   simulation.turns() / 2, gated, [&, d = d, n = n](int turn) {
                     return EstimateKernelDistanceDifference(Draw(changed, n, turn, 0),
                                                             Draw(far, n, turn, 0),
                                                             Draw(reference, n, turn, 1), d);
                   });
  }
}

void SimulateFrechet(Simulation& simulation) {
  const auto setting = [](int64_t d, int64_t n) {
    return "d = " + std::to_string(d) + ", n = " + std::to_string(n);
  };
  const int64_t cases[][2] = {{8, 400}, {64, 100}, {64, 512}};
  for (const auto& [d, n] : cases) {
    const Population candidate = Features(d, 20 + d, 0.1f, 1.1f),
                     other = Changed(candidate, 5, 0.02f);
    const FrechetReference reference(StatisticsOf(Features(d, 21 + d, 0, 1).rows, d, kSpace));
    simulation.Run("fd", setting(d, n), {}, simulation.turns(), false, [&, n = n](int turn) {
      return EstimateFrechet(reference, Draw(candidate, n, turn, 0), kSpace);
    });
    simulation.Run("fd, paired difference", setting(d, n), {}, simulation.turns(), false,
                   [&, n = n](int turn) {
                     return EstimateFrechetDifference(reference, Draw(other, n, turn, 0),
                                                      Draw(candidate, n, turn, 0), kSpace);
                   });
    if (n < 4 * d) continue;  // no line in 1 / n
    const double truth = reference.DistanceTo(StatisticsOf(candidate.rows, d, kSpace));
    simulation.Run("fd_infinity", setting(d, n), truth, simulation.turns(), false,
                   [&, n = n](int turn) {
                     return EstimateFrechetInfinity(reference, Draw(candidate, n, turn, 0), kSpace);
                   });
  }
}

void SimulateManifolds(Simulation& simulation) {
  constexpr int64_t kD = 8, kN = 200;
  const Population reference = Features(kD, 30, 0, 1), candidate = Features(kD, 31, 0.3f, 0.8f);
  const int turns = std::max(simulation.turns() / 4, 2);
  std::vector<ManifoldMetrics> measured;
  for (int turn = 0; turn < turns; ++turn) {
    measured.push_back(EstimateManifolds(Draw(candidate, kN, turn, 0), Draw(reference, kN, turn, 1),
                                         kD, {.seed = static_cast<uint64_t>(turn)}));
  }
  const auto run = [&](const char* name, Estimate ManifoldMetrics::*member) {
    simulation.Run(name, "d = 8, n = m = 200", {}, turns, false,
                   [&](int turn) { return measured[turn].*member; });
  };
  run("precision", &ManifoldMetrics::precision), run("recall", &ManifoldMetrics::recall);
  run("density", &ManifoldMetrics::density), run("coverage", &ManifoldMetrics::coverage);
}

void SimulateClassScore(Simulation& simulation) {
  const Population logits = Features(10, 40, 0, 2);
  for (const int64_t n : {200, 1000}) {
    simulation.Run("class_score", "10 classes, n = " + std::to_string(n), {}, simulation.turns(),
                   false,
                   [&](int turn) { return EstimateInceptionScore(Draw(logits, n, turn, 0), 10); });
  }
}

// Pairs of 12 x 12 images: a smooth pattern against itself with noise of a level that varies by
// image, as quantization errors do; a second candidate has a little more.
struct Pairs {
  Population errors, other_errors, similarities, other_similarities;  // one number a row
  Population signals;                                                 // images and noisy images
};

Pairs MakePairs() {
  constexpr ImageShape kShape{12, 12, 1};
  const int64_t elements = kShape.elements();
  Pairs pairs;
  const auto as_floats = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  std::vector<float> images(kPopulation * elements), noisy = images, noisier = images;
  for (int64_t i = 0; i < kPopulation; ++i) {
    const auto noise = Normal(elements, 1000 + 2 * i), more = Normal(elements + 4, 1001 + 2 * i);
    const float level = 0.1f * std::exp(0.3f * more[elements]), phase = 3 * more[elements + 1],
                slope = more[elements + 2], contrast = 0.5f + 0.1f * more[elements + 3];
    for (int64_t k = 0; k < elements; ++k) {
      const auto x = static_cast<float>(k % 12), y = static_cast<float>(k / 12);
      const int64_t at = i * elements + k;
      images[at] = contrast * std::sin(0.5f * x + 0.4f * slope * y + phase);
      noisy[at] = images[at] + level * noise[k];
      noisier[at] = noisy[at] + 0.3f * level * more[k];
    }
  }
  pairs.errors = {as_floats(MeanSquaredErrors(noisy, images, kPopulation)), 1};
  pairs.other_errors = {as_floats(MeanSquaredErrors(noisier, images, kPopulation)), 1};
  pairs.similarities = {as_floats(StructuralSimilarities(noisy, images, kShape)), 1};
  pairs.other_similarities = {as_floats(StructuralSimilarities(noisier, images, kShape)), 1};
  pairs.signals.dimension = 2 * elements;
  for (int64_t i = 0; i < kPopulation; ++i) {
    for (const auto* side : {&noisy, &images}) {
      pairs.signals.rows.insert(pairs.signals.rows.end(), side->begin() + i * elements,
                                side->begin() + (i + 1) * elements);
    }
  }
  return pairs;
}

double MeanOf(const Population& population) {
  double sum = 0;
  for (const float value : population.rows) sum += value;
  return sum / kPopulation;
}

std::vector<double> DrawNumbers(const Population& population, int64_t n, int turn) {
  const auto rows = Draw(population, n, turn, 0);
  return {rows.begin(), rows.end()};
}

void SimulateSqnr(Simulation& simulation, const Population& signals) {
  constexpr int64_t kN = 64;
  const int64_t elements = signals.dimension / 2;
  const auto split = [&](const std::vector<float>& rows, int64_t offset) {
    std::vector<float> side;
    for (size_t at = offset * elements; at < rows.size(); at += signals.dimension)
      side.insert(side.end(), rows.begin() + at, rows.begin() + at + elements);
    return side;
  };
  const double truth =
      EstimateSqnr(split(signals.rows, 0), split(signals.rows, 1), kPopulation).value;
  simulation.Run("sqnr", "n = 64", truth, simulation.turns(), true, [&](int turn) {
    const auto rows = Draw(signals, kN, turn, 0);
    return EstimateSqnr(split(rows, 0), split(rows, 1), kN);
  });
}

void SimulatePairs(Simulation& simulation) {
  const Pairs pairs = MakePairs();
  for (const int64_t n : {16, 64, 256}) {
    const std::string setting = "n = " + std::to_string(n);
    const bool gated = n >= 256;  // below, a skewed measure needs more samples than there are
    simulation.Run("psnr", setting, PsnrOfMse(MeanOf(pairs.errors)), simulation.turns(), gated,
                   [&](int turn) { return EstimatePsnr(DrawNumbers(pairs.errors, n, turn)); });
    simulation.Run(
        "ssim", setting, MeanOf(pairs.similarities), simulation.turns(), gated,
        [&](int turn) { return EstimateMean(DrawNumbers(pairs.similarities, n, turn)); });
    const auto difference = [&](const char* name, const Population& a, const Population& b) {
      simulation.Run(
          name, setting, MeanOf(a) - MeanOf(b), simulation.turns(), gated, [&](int turn) {
            return EstimatePairedDifference(DrawNumbers(a, n, turn), DrawNumbers(b, n, turn));
          });
    };
    simulation.Run("psnr, paired difference", setting,
                   PsnrOfMse(MeanOf(pairs.other_errors)) - PsnrOfMse(MeanOf(pairs.errors)),
                   simulation.turns(), gated, [&](int turn) {
                     return EstimatePsnrDifference(DrawNumbers(pairs.other_errors, n, turn),
                                                   DrawNumbers(pairs.errors, n, turn));
                   });
    difference("ssim, paired difference", pairs.other_similarities, pairs.similarities);
    difference("squared error, paired difference", pairs.other_errors, pairs.errors);
  }
  SimulateSqnr(simulation, pairs.signals);
}

// Normal pairs of a known correlation, whose rank correlations are known too.
void SimulateRanks(Simulation& simulation) {
  constexpr int64_t kN = 24;
  for (const double correlation : {0.5, 0.9}) {
    const auto estimate = [&](int turn,
                              Estimate (*of)(std::span<const double>, std::span<const double>)) {
      const std::vector<float> numbers = Normal(2 * kN, 5'000'000 + turn);
      std::vector<double> a(kN), b(kN);
      for (int64_t i = 0; i < kN; ++i) {
        a[i] = numbers[2 * i];
        b[i] = correlation * a[i] + std::sqrt(1 - correlation * correlation) * numbers[2 * i + 1];
      }
      return of(a, b);
    };
    char setting[64];
    std::snprintf(setting, sizeof(setting), "n = 24, correlation %.1f", correlation);
    simulation.Run("spearman", setting, 6 / M_PI * std::asin(correlation / 2), simulation.turns(),
                   false, [&](int turn) { return estimate(turn, EstimateSpearman); });
    simulation.Run("kendall", setting, 2 / M_PI * std::asin(correlation), simulation.turns(), false,
                   [&](int turn) { return estimate(turn, EstimateKendall); });
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  const int turns = argc > 1 ? std::atoi(argv[1]) : 2000;
  if (turns < 20) {
    std::fprintf(stderr, "metrics_coverage: TURNS must be a number from 20 on\n");
    return 2;
  }
  tmpq::Simulation simulation(turns);
  tmpq::SimulateRanks(simulation);
  tmpq::SimulateKernel(simulation);
  tmpq::SimulatePairs(simulation);
  tmpq::SimulateFrechet(simulation);
  tmpq::SimulateManifolds(simulation);
  tmpq::SimulateClassScore(simulation);
  return simulation.passed() ? 0 : 1;
}
