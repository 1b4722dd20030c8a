#include "src/search/evolution.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "src/core/error.h"
#include "src/search/proposals.h"

namespace tmpq {

Move SearchAlgorithm::MoveOf(const Candidate& candidate) const {
  const auto found = proposed_.find(candidate.hash());
  return found == proposed_.end() ? Move::kGiven : found->second;
}

Evolution::Evolution(const SearchSpace& space, const EvolutionSettings& settings, uint64_t seed,
                     std::vector<Candidate> seeds)
    : space_(space), settings_(settings), random_(seed, RandomPurpose::kProposal) {
  initial_ = {space.Initial()};
  for (Candidate& candidate : seeds) initial_.push_back(std::move(candidate));
  for (const Candidate& candidate : initial_) {
    TMPQ_CHECK(space.IsLegal(candidate) && space.Fits(candidate),
               "an initial candidate is outside the space");
  }
}

template <typename Propose>
void Evolution::Add(std::vector<Candidate>& batch, size_t size, Move move, Propose propose) {
  AddNew(batch, std::min<size_t>(size, settings_.population), proposed_, [&] {
    return Proposal{propose(), move};
  });
}

std::vector<Candidate> Evolution::Ask() {
  std::vector<Candidate> batch;
  const auto any = [&](const std::vector<Candidate>& from) -> const Candidate& {
    return from[random_.Below(from.size())];
  };
  const auto random = [&] { return space_.Random(random_); };
  if (generation_ == 0) {
    for (const Candidate& candidate : initial_)
      Add(batch, batch.size() + 1, Move::kGiven, [&] { return candidate; });
    Add(batch, (batch.size() + settings_.population) / 2, Move::kRandom, random);
    Add(batch, settings_.population, Move::kMutation, [&] {
      return space_.Mutate(any(initial_), settings_.initial_mutation_probability, random_);
    });
  } else if (!parents_.empty()) {
    Add(batch, settings_.mutants, Move::kMutation,
        [&] { return space_.Mutate(any(parents_), settings_.mutation_probability, random_); });
    Add(batch, batch.size() + settings_.crossovers, Move::kCrossover, [&] {
      const Candidate& a = any(parents_);
      return space_.Crossover(a, any(parents_), random_);
    });
  }
  Add(batch, settings_.population, Move::kRandom, random);
  ++generation_;
  return batch;
}

void Evolution::Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto found = answers[i].find(settings_.fitness);
    TMPQ_CHECK(found != answers[i].end(), "answers lack the fitness " + settings_.fitness);
    const double fitness =
        std::isnan(found->second) ? std::numeric_limits<double>::infinity() : found->second;
    best_.push_back({fitness, candidates[i]});
  }
  // Ties go to the earlier proposal.
  std::stable_sort(best_.begin(), best_.end(),
                   [](const Scored& a, const Scored& b) { return a.fitness < b.fitness; });
  if (best_.size() > static_cast<size_t>(settings_.parents)) {
    best_.erase(best_.begin() + settings_.parents, best_.end());
  }
  parents_.clear();
  for (const Scored& scored : best_) parents_.push_back(scored.candidate);
}

RandomSearch::RandomSearch(const SearchSpace& space, int batch, uint64_t seed)
    : space_(space), batch_(batch), random_(seed, RandomPurpose::kProposal) {}

std::vector<Candidate> RandomSearch::Ask() {
  std::vector<Candidate> batch;
  AddNew(batch, batch_, proposed_, [&] { return Proposal{space_.Random(random_), Move::kRandom}; });
  return batch;
}

}  // namespace tmpq
