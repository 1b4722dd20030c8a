// Search algorithms: ask for candidates, tell their scores.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/search/evaluator.h"
#include "src/search/proposals.h"
#include "src/search/space.h"

namespace tmpq {

// Proposes batches of candidates that were never proposed before. Deterministic given seed and
// answers.
class SearchAlgorithm {
 public:
  virtual ~SearchAlgorithm() = default;
  // The next batch; empty when there is nothing left to propose.
  virtual std::vector<Candidate> Ask() = 0;
  // The answers to the last Ask(), in its order.
  virtual void Tell(std::span<const Candidate> candidates,
                    std::span<const Measurements> answers) = 0;

  // What made a candidate that was asked for.
  Move MoveOf(const Candidate& candidate) const;

 protected:
  Proposed proposed_;  // what is missing was given
};

// TMPQ-DM's evolution (docs/architecture.md); the defaults are its published values.
struct EvolutionSettings {
  int population = 50;
  int parents = 10;  // best of all generations
  int mutants = 25;
  int crossovers = 10;  // the rest of a generation is random
  double mutation_probability = 0.25;
  double initial_mutation_probability = 0.1;  // when mutating initial candidates, in generation 0
  std::string fitness;                        // the measurement to minimise; NaN counts as worst
};

// Generation 0: the initial candidate, `seeds`, then random ones and mutants of the initial ones,
// half each. Later ones: mutants of and crossovers between the best `parents` of all generations,
// and random ones.
class Evolution : public SearchAlgorithm {
 public:
  // `space` outlives it. Seeds that are illegal or do not fit the budget are a bug of the caller.
  Evolution(const SearchSpace& space, const EvolutionSettings& settings, uint64_t seed,
            std::vector<Candidate> seeds = {});

  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate> candidates, std::span<const Measurements> answers) override;

  int generation() const { return generation_; }  // of the next Ask()
  // The best so far, best first.
  const std::vector<Candidate>& parents() const { return parents_; }

 private:
  struct Scored {
    double fitness;
    Candidate candidate;
  };
  template <typename Propose>
  void Add(std::vector<Candidate>& batch, size_t size, Move move, Propose propose);

  const SearchSpace& space_;
  EvolutionSettings settings_;
  RandomStream random_;
  std::vector<Candidate> initial_;
  std::vector<Scored> best_;
  std::vector<Candidate> parents_;
  int generation_ = 0;
};

// Independent random candidates in batches: the honest baseline.
class RandomSearch : public SearchAlgorithm {
 public:
  RandomSearch(const SearchSpace& space, int batch, uint64_t seed);
  std::vector<Candidate> Ask() override;
  void Tell(std::span<const Candidate>, std::span<const Measurements>) override {}

 private:
  const SearchSpace& space_;
  int batch_;
  RandomStream random_;
};

// Every candidate of a small space, at once.
class ExhaustiveSearch : public SearchAlgorithm {
 public:
  ExhaustiveSearch(const SearchSpace& space, size_t limit) : candidates_(space.Enumerate(limit)) {}
  std::vector<Candidate> Ask() override { return std::exchange(candidates_, {}); }
  void Tell(std::span<const Candidate>, std::span<const Measurements>) override {}

 private:
  std::vector<Candidate> candidates_;
};

}  // namespace tmpq
