#include "src/quant/input_transform.h"

#include <algorithm>
#include <cmath>

#include "kernels/include/hadamard.h"
#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/core/hash.h"
#include "src/core/random.h"

namespace tmpq {
namespace {

// A balancing vector stays within e^-40 .. e^40, so that channels of denormals do not make it 0 or
// infinite.
constexpr double kMostLog = 40;

Hadamard Rotation(const std::string& layer, int64_t channels) {
  std::optional<Hadamard> hadamard = HadamardOf(channels);
  if (!hadamard) {
    throw Error(ErrorCode::kUnsupported, "layer " + layer,
                "has " + std::to_string(channels) + " input channels, which have no rotation",
                "leave it out of the recipe's rotation");
  }
  return *std::move(hadamard);
}

}  // namespace

std::vector<float> BalancingVector(std::span<const float> input_absmax,
                                   std::span<const float> weight_absmax, double alpha) {
  TMPQ_CHECK(input_absmax.size() == weight_absmax.size(), "balancing needs one size");
  std::vector<double> logs(input_absmax.size(), 0);
  double sum = 0;
  int64_t count = 0;
  for (size_t j = 0; j < logs.size(); ++j) {
    const double a = input_absmax[j], w = weight_absmax[j];
    if (a <= 0 || w <= 0) continue;
    logs[j] = (1 - alpha) * std::log(w) - alpha * std::log(a);
    sum += logs[j];
    ++count;
  }
  std::vector<float> vector(logs.size(), 1.0f);
  for (size_t j = 0; j < logs.size(); ++j) {
    if (input_absmax[j] <= 0 || weight_absmax[j] <= 0) continue;
    const double log = logs[j] - sum / static_cast<double>(count);
    vector[j] = static_cast<float>(std::exp(std::clamp(log, -kMostLog, kMostLog)));
  }
  return vector;
}

std::vector<float> ChannelAbsMax(std::span<const float> weights, int64_t channels) {
  std::vector<float> absmax(channels, 0.0f);
  for (size_t i = 0; i < weights.size(); ++i) {
    float& most = absmax[i % channels];
    most = std::max(most, std::fabs(weights[i]));
  }
  return absmax;
}

std::vector<float> RotationSigns(const std::string& layer, int64_t channels, uint64_t seed) {
  RandomStream random(seed, RandomPurpose::kRotation, HashString(layer).low);
  std::vector<float> signs(channels);
  for (float& sign : signs) sign = random.Chance(0.5) ? 1.0f : -1.0f;
  return signs;
}

std::vector<float> TransformWeights(const std::string& layer, std::span<const float> weights,
                                    int64_t channels, const InputTransform& transform) {
  std::vector<float> result(weights.begin(), weights.end());
  if (transform.identity()) return result;
  const Hadamard hadamard = transform.rotated ? Rotation(layer, channels) : Hadamard{};
  const double factor = 1 / std::sqrt(static_cast<double>(channels));
  std::vector<double> row(channels), scratch(hadamard.order);
  for (size_t begin = 0; begin < result.size(); begin += channels) {
    for (int64_t c = 0; c < channels; ++c) {
      row[c] = weights[begin + c];
      if (!transform.multiply.empty()) row[c] /= static_cast<double>(transform.multiply[c]);
    }
    if (transform.rotated) {
      kernels::HadamardRow(row.data(), hadamard.order, hadamard.block, hadamard.matrix.data(),
                           factor, scratch.data());
    }
    for (int64_t c = 0; c < channels; ++c) result[begin + c] = static_cast<float>(row[c]);
  }
  return result;
}

std::vector<float> TransformInputs(const std::string& layer, std::span<const float> inputs,
                                   int64_t channels, const InputTransform& transform) {
  std::vector<float> result(inputs.begin(), inputs.end());
  if (transform.identity()) return result;
  const Hadamard hadamard = transform.rotated ? Rotation(layer, channels) : Hadamard{};
  std::vector<float> scratch(kernels::kTransformScratchRows * channels);
  kernels::TransformRowsArgs args;
  args.x = inputs.data(), args.cols = args.x_stride = channels;
  args.rows = static_cast<int64_t>(inputs.size()) / channels;
  args.multiply = transform.multiply.empty() ? nullptr : transform.multiply.data();
  args.rotate = transform.rotated, args.order = hadamard.order;
  args.matrix = hadamard.matrix.empty() ? nullptr : hadamard.matrix.data();
  args.out = result.data(), args.scratch = scratch.data();
  kernels::BestKernels().transform_rows(args);
  return result;
}

double Incoherence(std::span<const float> values) {
  double most = 0, sum = 0;
  for (const float value : values) {
    most = std::max(most, static_cast<double>(std::fabs(value)));
    sum += std::fabs(value);
  }
  return sum > 0 ? most * static_cast<double>(values.size()) / sum : 0;
}

}  // namespace tmpq
