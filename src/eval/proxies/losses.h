// What a search can minimise: losses of samples, and costs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "src/plan/costs.h"
#include "src/search/dominance.h"
#include "src/search/evaluator.h"

namespace tmpq {

struct LossKind {
  const char* name;         // in options: "error", "distance", "text_alignment", ...
  const char* measurement;  // in journals and files
  const char* meaning;
};

// All of them. Each is a mean over samples, but the distance, which is of their distribution.
std::span<const LossKind> LossKinds();
// Null: none is called `name`.
const LossKind* FindLossKind(const std::string& name);
// Throws kUsage for a name that is none, naming all.
const LossKind& LossKindOf(const std::string& where, const std::string& name);

// Whether a measurement is a loss.
bool IsLossMeasurement(const std::string& name);

// "distance,text_alignment,bitops": measurements of losses and names of costs, as they come. Throws
// kUsage for an unknown name, one that comes twice, none at all, or a cost in the first place.
std::vector<std::string> ParseObjectives(const std::string& where, const std::string& text);
// What a candidate that measured `answer` and costs `costs` has of them.
Objectives ValuesOf(const std::vector<std::string>& objectives, const Measurements& answer,
                    const Costs& costs);
// Of these the costs, or the measurements.
std::vector<std::string> CostsAmong(const std::vector<std::string>& objectives);
std::vector<std::string> MeasurementsAmong(const std::vector<std::string>& objectives);

// A name with spaces for underscores.
std::string InWords(std::string name);

// The mean of one value a sample, as the measurement is. An alignment that nothing was missed in
// still has half a miss: searches divide by losses and take their logarithms.
double MeanLoss(const std::string& measurement, std::span<const double> values);

}  // namespace tmpq
