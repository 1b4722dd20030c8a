#include "src/search/moves.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

class Variation {
 public:
  Variation(const SearchSpace& space, std::span<const Candidate> parents, RandomStream& random)
      : space_(space), parents_(parents), random_(random) {}

  Proposal Draw() {
    const double kind = random_.Uniform();
    if (kind < 0.35) return Exchange();
    if (kind < 0.5) return Step();
    if (kind < 0.65) return MoveTimesteps();
    if (kind < 0.8) {
      const double probability = 2.0 / static_cast<double>(Places() + 1);
      return {space_.Mutate(Parent(), probability, random_), Move::kMutation};
    }
    const Candidate& a = Parent();
    return {space_.Crossover(a, Parent(), random_), Move::kCrossover};
  }

 private:
  const Candidate& Parent() { return parents_[random_.Below(parents_.size())]; }
  size_t Places() const { return std::max<size_t>(1, space_.genes().size()); }

  // Changes a random gene of a random row by `by`, where it can.
  void Shift(Genome& genome, int by) {
    if (space_.genes().empty()) return;
    Policy& row = genome.rows[random_.Below(genome.rows.size())];
    const SiteGene& gene = space_.genes()[random_.Below(Places())];
    const int64_t index = static_cast<int64_t>(space_.IndexOf(row, gene)) + by;
    if (index < 0 || index >= static_cast<int64_t>(gene.choices)) return;
    space_.SetIndex(row, gene, index);
  }

  Proposal Exchange() {
    Genome genome = space_.GenomeOf(Parent());
    Shift(genome, 1);
    Shift(genome, -1);
    return {space_.Feasible(std::move(genome), random_), Move::kExchange};
  }

  Proposal Step() {
    Genome genome = space_.GenomeOf(Parent());
    Shift(genome, random_.Chance(0.5) ? 1 : -1);
    return {space_.Feasible(std::move(genome), random_), Move::kStep};
  }

  Proposal MoveTimesteps() {
    Genome genome = space_.GenomeOf(Parent());
    const auto& fixed = space_.settings().fixed_timesteps;
    if (!fixed.empty()) {
      if (fixed.size() == 1) return Exchange();
      genome.timesteps = fixed[random_.Below(fixed.size())].values();
    } else if (random_.Chance(0.3)) {
      genome.timesteps = Parent().timesteps().values();
    } else {
      MoveOne(genome.timesteps);
    }
    return {space_.Feasible(std::move(genome), random_), Move::kTimesteps};
  }

  // By up to a quarter of the mean distance between timesteps, and never past its neighbours.
  void MoveOne(std::vector<int>& timesteps) {
    const int steps = static_cast<int>(timesteps.size());
    const int k = static_cast<int>(random_.Below(steps));
    auto [low, high] = space_.TimestepRange(k);
    if (k > 0) high = std::min(high, timesteps[k - 1] - 1);
    if (k + 1 < steps) low = std::max(low, timesteps[k + 1] + 1);
    const int reach = std::max(1, space_.settings().training_steps / (4 * steps));
    const int by = 1 + static_cast<int>(random_.Below(reach));
    timesteps[k] = std::clamp(timesteps[k] + (random_.Chance(0.5) ? by : -by), low, high);
  }

  const SearchSpace& space_;
  std::span<const Candidate> parents_;
  RandomStream& random_;
};

}  // namespace

Proposal Vary(const SearchSpace& space, std::span<const Candidate> parents, RandomStream& random) {
  TMPQ_CHECK(!parents.empty(), "variations need a parent");
  return Variation(space, parents, random).Draw();
}

}  // namespace tmpq
