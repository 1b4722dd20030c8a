#include "src/eval/proxies/losses.h"

#include <algorithm>
#include <sstream>

#include "src/core/error.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/metrics/estimate.h"

namespace tmpq {
namespace {

constexpr LossKind kLossKinds[] = {
    {"error", kTrajectoryError,
     "mean squared error to the float model's final samples at trajectory_steps, pixels in "
     "[-1, 1]"},
    {"psnr_to_float", kErrorToFloat,
     "mean squared error to the float model's samples at as many uniform steps: what PSNR is of"},
    {"distance", kDistance,
     "squared Frechet distance to the training set in the feature network's space"},
    {"text_alignment", kTextAlignmentLoss,
     "share of the prompts' attributes that samples do not show, half a sample's added"},
    {"text_similarity", kTextSimilarityLoss,
     "1 minus the cosine of samples and prompts by the text encoder"},
    {"temporal_consistency", kTemporalConsistencyLoss,
     "mean absolute difference of a clip's temporal_consistency to the float model's clip: one "
     "that stands still is as wrong as one that flickers"},
};

std::string KnownLosses() {
  std::string known;
  for (const LossKind& kind : kLossKinds)
    known += (known.empty() ? "" : ", ") + std::string(kind.name);
  return known;
}

std::string KnownCosts() {
  std::string known;
  for (const CostKind& kind : CostKinds()) known += ", " + std::string(kind.name);
  return known;
}

std::vector<std::string> Among(const std::vector<std::string>& objectives, bool costs) {
  std::vector<std::string> chosen;
  for (const std::string& name : objectives) {
    if ((FindCostKind(name) != nullptr) == costs) chosen.push_back(name);
  }
  return chosen;
}

}  // namespace

std::span<const LossKind> LossKinds() { return kLossKinds; }

const LossKind* FindLossKind(const std::string& name) {
  const auto found = std::find_if(std::begin(kLossKinds), std::end(kLossKinds),
                                  [&](const LossKind& kind) { return name == kind.name; });
  return found == std::end(kLossKinds) ? nullptr : found;
}

const LossKind& LossKindOf(const std::string& where, const std::string& name) {
  const LossKind* kind = FindLossKind(name);
  if (kind != nullptr) return *kind;
  throw Error(ErrorCode::kUsage, where, "\"" + name + "\" is unknown", "one of " + KnownLosses());
}

bool IsLossMeasurement(const std::string& name) {
  return std::any_of(std::begin(kLossKinds), std::end(kLossKinds),
                     [&](const LossKind& kind) { return name == kind.measurement; });
}

std::vector<std::string> ParseObjectives(const std::string& where, const std::string& text) {
  std::vector<std::string> objectives;
  std::stringstream stream(text);
  for (std::string name; std::getline(stream, name, ',');) {
    name.erase(std::remove(name.begin(), name.end(), ' '), name.end());
    const LossKind* loss = FindLossKind(name);
    if (loss == nullptr && FindCostKind(name) == nullptr) {
      throw Error(ErrorCode::kUsage, where, "\"" + name + "\" is unknown",
                  "one of " + KnownLosses() + KnownCosts());
    }
    objectives.push_back(loss != nullptr ? loss->measurement : name);
    if (std::count(objectives.begin(), objectives.end(), objectives.back()) > 1) {
      throw Error(ErrorCode::kUsage, where, "names \"" + name + "\" twice");
    }
  }
  if (objectives.empty() || FindCostKind(objectives.front()) != nullptr) {
    throw Error(ErrorCode::kUsage, where, "does not begin with a loss",
                "first one of " + KnownLosses() + ", then what else is minimised");
  }
  return objectives;
}

Objectives ValuesOf(const std::vector<std::string>& objectives, const Measurements& answer,
                    const Costs& costs) {
  Objectives values;
  for (const std::string& name : objectives) {
    values.push_back(FindCostKind(name) != nullptr ? CostByName(costs, name) : answer.at(name));
  }
  return values;
}

std::vector<std::string> CostsAmong(const std::vector<std::string>& objectives) {
  return Among(objectives, true);
}

std::vector<std::string> MeasurementsAmong(const std::vector<std::string>& objectives) {
  return Among(objectives, false);
}

std::string InWords(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

double MeanLoss(const std::string& measurement, std::span<const double> values) {
  const double mean = Mean(values);
  if (measurement != kTextAlignmentLoss) return mean;
  const auto n = static_cast<double>(values.size());
  return (mean * n + 0.5) / (n + 1);
}

}  // namespace tmpq
