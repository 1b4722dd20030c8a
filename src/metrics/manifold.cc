#include "src/metrics/manifold.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/metrics/subsets.h"

namespace tmpq {
namespace {

constexpr int64_t kMaxRows = 16384;
constexpr int64_t kTile = 256;  // columns whose sums stay in the first cache

// Squared distances between rows of `a` and `b`: (rows of a, rows of b). Differences, not products:
// equal rows have distance 0 exactly. Summed in the order of the dimensions, so tiles and threads
// change nothing.
std::vector<float> SquaredDistances(std::span<const float> a, std::span<const float> b,
                                    int64_t dimension) {
  const auto rows = static_cast<int64_t>(a.size()) / dimension,
             columns = static_cast<int64_t>(b.size()) / dimension;
  std::vector<float> transposed(b.size()), distances(rows * columns);
  for (int64_t j = 0; j < columns; ++j) {
    for (int64_t k = 0; k < dimension; ++k) transposed[k * columns + j] = b[j * dimension + k];
  }
#pragma omp parallel for schedule(static)
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t begin = 0; begin < columns; begin += kTile) {
      const int64_t width = std::min(kTile, columns - begin);
      std::array<double, kTile> sums{};
      for (int64_t k = 0; k < dimension; ++k) {
        const double value = a[i * dimension + k];
        const float* other = transposed.data() + k * columns + begin;
        for (int64_t j = 0; j < width; ++j) {
          const double difference = value - static_cast<double>(other[j]);
          sums[j] += difference * difference;
        }
      }
      for (int64_t j = 0; j < width; ++j)
        distances[i * columns + begin + j] = static_cast<float>(sums[j]);
    }
  }
  return distances;
}

struct Distances {
  int64_t samples = 0, references = 0;
  std::vector<float> between_samples, between_references;
  std::vector<float> mixed;  // (samples, references)
};

using Rows = std::vector<int64_t>;

// For each of `rows`: the squared distance to its k-th nearest other one of them.
std::vector<float> Radii(const std::vector<float>& distances, int64_t stride, const Rows& rows,
                         int k) {
  std::vector<float> radii(rows.size()), row(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < rows.size(); ++j) row[j] = distances[rows[i] * stride + rows[j]];
    row[i] = -1.0f;  // itself comes first
    std::nth_element(row.begin(), row.begin() + k, row.end());
    radii[i] = row[k];
  }
  return radii;
}

struct Values {
  double precision = 0, recall = 0, density = 0, coverage = 0;
};

Values Measure(const Distances& distances, const Rows& samples, const Rows& references,
               const ManifoldSettings& settings) {
  const auto reference_radii = [&](int k) {
    return Radii(distances.between_references, distances.references, references, k);
  };
  const std::vector<float> near = reference_radii(settings.precision_neighbours),
                           wide = reference_radii(settings.density_neighbours),
                           sample_radii = Radii(distances.between_samples, distances.samples,
                                                samples, settings.precision_neighbours);
  std::vector<char> recalled(references.size(), 0), covered(references.size(), 0);
  int64_t precise = 0, holding = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const float* row = distances.mixed.data() + samples[i] * distances.references;
    bool inside = false;
    for (size_t j = 0; j < references.size(); ++j) {
      const float distance = row[references[j]];
      inside |= distance <= near[j];
      holding += distance <= wide[j];
      covered[j] |= distance <= wide[j];
      recalled[j] |= distance <= sample_radii[i];
    }
    precise += inside;
  }
  const auto n = static_cast<double>(samples.size()), m = static_cast<double>(references.size());
  const auto count = [](const std::vector<char>& flags) {
    return static_cast<double>(std::count(flags.begin(), flags.end(), 1));
  };
  return {static_cast<double>(precise) / n, count(recalled) / m,
          static_cast<double>(holding) / (settings.density_neighbours * n), count(covered) / m};
}

void CheckRows(std::span<const float> rows, int64_t dimension, const ManifoldSettings& settings) {
  if (dimension < 1 || rows.size() % dimension != 0) {
    throw Error(ErrorCode::kInput, "features",
                "are not rows of dimension " + std::to_string(dimension));
  }
  const auto n = static_cast<int64_t>(rows.size()) / dimension;
  const int64_t least =
      2 * (std::max(settings.precision_neighbours, settings.density_neighbours) + 1);
  if (n < least || n > kMaxRows) {
    throw Error(ErrorCode::kInput, "nearest neighbours", "got " + std::to_string(n) + " rows",
                std::to_string(least) + " to " + std::to_string(kMaxRows) + " a side are needed");
  }
  if (!std::all_of(rows.begin(), rows.end(), [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorCode::kInput, "features", "are not finite");
  }
}

Rows AllRows(int64_t n) {
  Rows rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// `value` +- Student's t times the deviation of member `member` over the half-samples, within the
// possible values.
Estimate WithHalves(const Values& whole, const std::vector<Values>& halves, double Values::*member,
                    int64_t n, double most) {
  const double value = whole.*member;
  if (halves.empty()) return {value, value, value, n};
  std::vector<double> values;
  for (const Values& half : halves) values.push_back(half.*member);
  const auto count = static_cast<int64_t>(values.size());
  const double deviation = StandardErrorOfMean(values) * std::sqrt(static_cast<double>(count));
  Estimate estimate = WithStandardError(value, deviation, count);
  return {value, std::max(estimate.low, 0.0), std::min(estimate.high, most), n};
}

}  // namespace

ManifoldMetrics EstimateManifolds(std::span<const float> features, std::span<const float> reference,
                                  int64_t dimension, const ManifoldSettings& settings) {
  CheckRange("half-samples", settings.half_samples, 0, 1e6);
  CheckRows(features, dimension, settings);
  CheckRows(reference, dimension, settings);
  Distances distances;
  distances.samples = static_cast<int64_t>(features.size()) / dimension;
  distances.references = static_cast<int64_t>(reference.size()) / dimension;
  distances.between_samples = SquaredDistances(features, features, dimension);
  distances.between_references = SquaredDistances(reference, reference, dimension);
  distances.mixed = SquaredDistances(features, reference, dimension);

  const int64_t n = distances.samples, m = distances.references;
  const Values whole = Measure(distances, AllRows(n), AllRows(m), settings);
  std::vector<Values> halves(settings.half_samples);
#pragma omp parallel for schedule(dynamic, 1)
  for (int h = 0; h < settings.half_samples; ++h) {
    halves[h] = Measure(distances, RandomRows(n, n / 2, settings.seed, 2 * h),
                        RandomRows(m, m / 2, settings.seed, 2 * h + 1), settings);
  }
  constexpr double kAnything = std::numeric_limits<double>::infinity();
  return {WithHalves(whole, halves, &Values::precision, n, 1.0),
          WithHalves(whole, halves, &Values::recall, n, 1.0),
          WithHalves(whole, halves, &Values::density, n, kAnything),
          WithHalves(whole, halves, &Values::coverage, n, 1.0)};
}

}  // namespace tmpq
