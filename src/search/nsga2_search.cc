#include "src/search/nsga2_search.h"

#include "src/core/error.h"
#include "src/search/proposals.h"

namespace tmpq {

Nsga2Search::Nsga2Search(const SearchSpace& space, const Nsga2Settings& settings, uint64_t seed,
                         std::vector<Candidate> seeds)
    : space_(space),
      settings_(settings),
      random_(seed, RandomPurpose::kProposal),
      initial_(std::move(seeds)),
      population_(settings.population) {
  initial_.insert(initial_.begin(), space.Initial());
  for (const Candidate& candidate : initial_) {
    TMPQ_CHECK(space.IsLegal(candidate) && space.Fits(candidate),
               "an initial candidate is outside the space");
  }
}

std::vector<Candidate> Nsga2Search::Ask() {
  std::vector<Candidate> batch;
  if (population_.size() == 0) {
    for (const Candidate& candidate : initial_) {
      AddNew(batch, batch.size() + 1, proposed_, [&] { return Proposal{candidate, Move::kGiven}; });
    }
  } else {
    std::vector<size_t> parents;
    const auto parent = [&]() -> const Candidate& {
      if (parents.empty()) parents = population_.Winners(2 * settings_.population, random_);
      const size_t winner = parents.back();
      parents.pop_back();
      return population_.genomes()[winner];
    };
    AddNew(batch, settings_.population, proposed_, [&] {
      const Candidate& a = parent();
      const Candidate& b = parent();
      const bool cross = random_.Chance(settings_.crossover_probability);
      return Proposal{space_.Mutate(cross ? space_.Crossover(a, b, random_) : a,
                                    settings_.mutation_probability, random_),
                      cross ? Move::kCrossover : Move::kMutation};
    });
  }
  AddNew(batch, settings_.population, proposed_, [&] {
    return Proposal{space_.Random(random_), Move::kRandom};
  });
  return batch;
}

Objectives Nsga2Search::ObjectivesOf(const Candidate& candidate, const Measurements& answer) const {
  Objectives objectives;
  for (const std::string& name : settings_.measurements) {
    const auto found = answer.find(name);
    TMPQ_CHECK(found != answer.end(), "answers lack the objective " + name);
    objectives.push_back(found->second);
  }
  if (settings_.costs.empty()) return objectives;
  const Costs costs = space_.CostsOf(candidate);
  for (const std::string& name : settings_.costs) objectives.push_back(CostByName(costs, name));
  return objectives;
}

void Nsga2Search::Tell(std::span<const Candidate> candidates,
                       std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  std::vector<Objectives> objectives;
  for (size_t i = 0; i < candidates.size(); ++i) {
    objectives.push_back(ObjectivesOf(candidates[i], answers[i]));
  }
  population_.Add({candidates.begin(), candidates.end()}, objectives);
}

}  // namespace tmpq
