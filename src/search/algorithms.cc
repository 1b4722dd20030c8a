#include "src/search/algorithms.h"

#include <algorithm>

#include "src/core/error.h"
#include "src/search/allocation_search.h"
#include "src/search/budget_turns.h"
#include "src/search/nsga2_search.h"
#include "src/search/step_precision_search.h"

namespace tmpq {
namespace {

using Made = std::unique_ptr<SearchAlgorithm>;

Made MakeGuided(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t seed) {
  GuidedSettings guided;
  guided.measurement = settings.measurement, guided.costs = settings.costs;
  return std::make_unique<GuidedSearch>(space, guided, seed, settings.knowledge);
}

Made MakeEvolution(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t seed) {
  EvolutionSettings evolution;
  evolution.population = settings.population, evolution.fitness = settings.measurement;
  if (settings.costs.empty()) return std::make_unique<Evolution>(space, evolution, seed);
  return std::make_unique<BudgetTurns>(space, settings.costs[0], settings.budgets, evolution, seed);
}

Made MakeNsga2(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t seed) {
  Nsga2Settings nsga2;
  nsga2.population = settings.population;
  nsga2.measurements = settings.more_measurements, nsga2.costs = settings.costs;
  nsga2.measurements.insert(nsga2.measurements.begin(), settings.measurement);
  return std::make_unique<Nsga2Search>(space, nsga2, seed);
}

Made MakeRandom(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t seed) {
  return std::make_unique<RandomSearch>(space, settings.population, seed);
}

Made MakeExhaustive(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t) {
  return std::make_unique<ExhaustiveSearch>(space, settings.most_candidates);
}

Made MakeUniform(const SearchSpace& space, const AlgorithmSettings&, uint64_t) {
  return std::make_unique<UniformRows>(space);
}

Made MakeStepPrecision(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t) {
  return std::make_unique<StepPrecisionSearch>(space, settings.measurement, settings.levels);
}

template <AllocationSolver solver>
Made MakeAllocation(const SearchSpace& space, const AlgorithmSettings& settings, uint64_t) {
  return std::make_unique<AllocationSearch>(space, settings.measurement,
                                            settings.costs.empty() ? "" : settings.costs[0],
                                            settings.levels, solver);
}

struct Entry {
  const char* name;
  Made (*make)(const SearchSpace&, const AlgorithmSettings&, uint64_t seed);
};
constexpr Entry kEntries[] = {
    {"guided", MakeGuided},
    {"tmpq-dm", MakeEvolution},
    {"nsga2", MakeNsga2},
    {"greedy", MakeAllocation<AllocationSolver::kGreedy>},
    {"integer-programme", MakeAllocation<AllocationSolver::kIntegerProgramme>},
    {"tmpdiff", MakeStepPrecision},
    {"uniform", MakeUniform},
    {"random", MakeRandom},
    {"exhaustive", MakeExhaustive},
};

const Entry& EntryOf(const std::string& name) {
  const auto found = std::find_if(std::begin(kEntries), std::end(kEntries),
                                  [&](const Entry& entry) { return name == entry.name; });
  if (found != std::end(kEntries)) return *found;
  std::string known;
  for (const Entry& entry : kEntries)
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  throw Error(ErrorCode::kUsage, "algorithm", "\"" + name + "\" is unknown", "one of " + known);
}

}  // namespace

const std::vector<std::string>& AlgorithmNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Entry& entry : kEntries) all.push_back(entry.name);
    return all;
  }();
  return names;
}

void CheckAlgorithm(const std::string& name) { EntryOf(name); }

std::unique_ptr<SearchAlgorithm> MakeAlgorithm(const std::string& name, const SearchSpace& space,
                                               const AlgorithmSettings& settings, uint64_t seed) {
  return EntryOf(name).make(space, settings, seed);
}

}  // namespace tmpq
