// NSGA-II (Deb et al. 2002) over any genome: selection and survival. What genomes are and how they
// vary is the caller's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "src/core/random.h"
#include "src/search/dominance.h"

namespace tmpq {

// The best `most` of `points` by front, then by crowding within the front that does not fit whole;
// equal ones by index. `ranks` and `crowding` receive what they survived by, one entry a survivor.
struct Survivors {
  std::vector<size_t> indices;
  std::vector<size_t> ranks;
  std::vector<double> crowding;
};
Survivors SelectSurvivors(const std::vector<Objectives>& points, size_t most);

template <typename Genome>
class Nsga2Population {
 public:
  explicit Nsga2Population(size_t size) : size_(size) {}

  // Parents and offspring compete for the places.
  void Add(const std::vector<Genome>& genomes, const std::vector<Objectives>& objectives) {
    genomes_.insert(genomes_.end(), genomes.begin(), genomes.end());
    objectives_.insert(objectives_.end(), objectives.begin(), objectives.end());
    survivors_ = SelectSurvivors(objectives_, size_);
    std::vector<Genome> kept;
    std::vector<Objectives> kept_objectives;
    for (const size_t i : survivors_.indices) {
      kept.push_back(std::move(genomes_[i])), kept_objectives.push_back(std::move(objectives_[i]));
    }
    genomes_ = std::move(kept), objectives_ = std::move(kept_objectives);
  }

  // `count` winners of tournaments of two, by the lower rank, then the less crowded. Everybody
  // plays before anybody plays again, as in Deb's own program. Needs a population.
  std::vector<size_t> Winners(size_t count, RandomStream& random) const {
    std::vector<size_t> players, winners;
    const auto key = [&](size_t i) {
      return std::pair(survivors_.ranks[i], -survivors_.crowding[i]);
    };
    while (winners.size() < count) {
      if (players.size() < 2) {
        players.resize(std::max<size_t>(2, genomes_.size()));
        for (size_t i = 0; i < players.size(); ++i) players[i] = i % genomes_.size();
        random.Shuffle(std::span(players));
      }
      const size_t a = players.back(), b = players[players.size() - 2];
      players.resize(players.size() - 2);
      winners.push_back(key(b) < key(a) ? b : a);
    }
    return winners;
  }

  size_t size() const { return genomes_.size(); }
  const std::vector<Genome>& genomes() const { return genomes_; }
  const std::vector<Objectives>& objectives() const { return objectives_; }

 private:
  size_t size_;
  std::vector<Genome> genomes_;
  std::vector<Objectives> objectives_;
  Survivors survivors_;
};

}  // namespace tmpq
