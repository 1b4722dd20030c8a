// The candidates that no other one beats in everything.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/plan/candidate.h"
#include "src/search/dominance.h"

namespace tmpq {

struct ArchiveEntry {
  Candidate candidate;
  std::vector<double> objectives;
};

// Mutually non-dominated entries over minimised objectives; independent of the order of insertion.
// Entries of equal objectives all stay.
class ParetoArchive {
 public:
  explicit ParetoArchive(std::vector<std::string> objectives) : names_(std::move(objectives)) {}

  const std::vector<std::string>& objectives() const { return names_; }
  // False when it is dominated, already there, or has an objective that is not finite.
  bool Insert(const Candidate& candidate, std::vector<double> objectives);
  // Ordered by objectives, then by canonical bytes.
  std::vector<ArchiveEntry> Entries() const;
  size_t size() const { return entries_.size(); }

 private:
  std::vector<std::string> names_;
  std::map<std::string, ArchiveEntry> entries_;  // by canonical bytes
};

}  // namespace tmpq
