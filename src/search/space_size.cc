// How many candidates there are, and all of them.
#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <set>

#include "src/core/error.h"
#include "src/search/space.h"

namespace tmpq {
namespace {

using boost::multiprecision::cpp_int;

// What the timesteps and the genes are chosen from: numbers whose product, divided by the second
// product, is the size.
struct Factors {
  std::vector<int64_t> over, under;
};

std::vector<TimestepSequence> Distinct(const std::vector<TimestepSequence>& sequences) {
  std::vector<TimestepSequence> distinct;
  for (const TimestepSequence& sequence : sequences) {
    if (std::find(distinct.begin(), distinct.end(), sequence) == distinct.end())
      distinct.push_back(sequence);
  }
  return distinct;
}

Factors FactorsOf(const SearchSpace& space) {
  const SpaceSettings& settings = space.settings();
  Factors factors;
  int steps = settings.steps;
  const bool grouped =
      settings.mode == SpaceMode::kGroupwise || settings.mode == SpaceMode::kGroupwiseConsistent;
  if (!settings.fixed_timesteps.empty()) {
    steps = settings.fixed_timesteps[0].size();
    factors.over.push_back(static_cast<int64_t>(Distinct(settings.fixed_timesteps).size()));
  } else {
    for (int k = 0; k < steps; ++k) {
      const auto [first, last] = space.TimestepRange(k);
      // Any decreasing timesteps: T choose N.
      factors.over.push_back(grouped ? last - first + 1 : settings.training_steps - k);
      if (!grouped) factors.under.push_back(k + 1);
    }
  }
  for (int row = 0; row < (space.consistent() ? 1 : steps); ++row) {
    for (const SiteGene& gene : space.genes()) {
      factors.over.push_back(static_cast<int64_t>(gene.choices));
    }
  }
  return factors;
}

cpp_int SizeOf(const SearchSpace& space) {
  const Factors factors = FactorsOf(space);
  cpp_int over = 1, under = 1;
  for (const int64_t factor : factors.over) over *= factor;
  for (const int64_t factor : factors.under) under *= factor;
  return over / under;
}

}  // namespace

double SearchSpace::Log10Size() const {
  const Factors factors = FactorsOf(*this);
  double log10 = 0;
  for (const int64_t factor : factors.over) log10 += std::log10(static_cast<double>(factor));
  for (const int64_t factor : factors.under) log10 -= std::log10(static_cast<double>(factor));
  return log10;
}

std::string SearchSpace::ExactSize() const { return SizeOf(*this).str(); }

std::vector<Candidate> SearchSpace::Enumerate(size_t limit) const {
  TMPQ_CHECK(SizeOf(*this) <= limit, "the space is too large to enumerate");
  const std::vector<Policy> lowest(rows(), NarrowestRow());
  std::vector<Genome> genomes;
  for (const TimestepSequence& timesteps : Distinct(settings_.fixed_timesteps)) {
    genomes.push_back({timesteps.values(), lowest});
  }
  if (!fixed()) genomes = {{{}, lowest}};
  for (int k = 0; k < settings_.steps && !fixed(); ++k) {
    std::vector<Genome> longer;
    for (const Genome& genome : genomes) {
      auto [first, last] = TimestepRange(k);
      if (!grouped() && k > 0) last = genome.timesteps[k - 1] - 1;
      for (int t = first; t <= last; ++t) {
        longer.push_back(genome);
        longer.back().timesteps.push_back(t);
      }
    }
    genomes = std::move(longer);
  }
  for (int row = 0; row < rows(); ++row) {
    for (const SiteGene& gene : genes_) {
      std::vector<Genome> more;
      for (const Genome& genome : genomes) {
        for (size_t index = 0; index < gene.choices; ++index) {
          more.push_back(genome);
          SetIndex(more.back().rows[row], gene, index);
        }
      }
      genomes = std::move(more);
    }
  }
  std::vector<Candidate> candidates;
  for (const Genome& genome : genomes) {
    Candidate candidate = CandidateOf(genome);
    if (Fits(candidate)) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace tmpq
