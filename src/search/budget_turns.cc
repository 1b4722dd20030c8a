#include "src/search/budget_turns.h"

#include "src/core/error.h"

namespace tmpq {
namespace {

// Turns without anything new, after which there is nothing left to propose.
constexpr size_t kMostIdleRounds = 20;

}  // namespace

BudgetTurns::BudgetTurns(const SearchSpace& space, const std::string& cost, int budgets,
                         const EvolutionSettings& settings, uint64_t seed) {
  CheckRange("budgets", budgets, 1, 1000);
  const TimestepSequence timesteps = space.NearUniform().timesteps();
  const auto cost_of = [&](const Policy& row) {
    return CostByName(space.CostsOf(Candidate::Uniform(timesteps, row)), cost);
  };
  const double low = cost_of(space.NarrowestRow()), high = cost_of(space.WidestRow());
  for (int i = 0; i < budgets; ++i) {
    SpaceSettings own = space.settings();
    std::map<std::string, double> limits = own.budget.limits();
    const double limit = low + (high - low) * (i + 1) / budgets;
    limits[cost] = limits.count(cost) > 0 ? std::min(limits[cost], limit) : limit;
    own.budget = Budget::Of(std::move(limits));
    own.fill_budget = true;
    spaces_.push_back(std::make_unique<SearchSpace>(space.table(), own));
    evolutions_.push_back(
        std::make_unique<Evolution>(*spaces_.back(), settings, seed * budgets + i));
  }
}

std::vector<Candidate> BudgetTurns::Ask() {
  for (size_t idle = 0; idle < kMostIdleRounds * evolutions_.size(); ++idle) {
    wanted_ = evolutions_[turn_]->Ask();
    std::vector<Candidate> batch;
    for (const Candidate& candidate : wanted_) {
      if (answered_.count(candidate) > 0) continue;
      proposed_.emplace(candidate.hash(), evolutions_[turn_]->MoveOf(candidate));
      batch.push_back(candidate);
    }
    if (!batch.empty()) return batch;
    Tell({}, {});
  }
  return {};
}

void BudgetTurns::Tell(std::span<const Candidate> candidates,
                       std::span<const Measurements> answers) {
  TMPQ_CHECK(candidates.size() == answers.size(), "every candidate has an answer");
  for (size_t i = 0; i < candidates.size(); ++i) answered_[candidates[i]] = answers[i];
  std::vector<Measurements> own;
  for (const Candidate& candidate : wanted_) own.push_back(answered_.at(candidate));
  evolutions_[turn_]->Tell(wanted_, own);
  turn_ = (turn_ + 1) % evolutions_.size();
}

}  // namespace tmpq
