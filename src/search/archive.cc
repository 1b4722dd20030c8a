#include "src/search/archive.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {

bool ParetoArchive::Insert(const Candidate& candidate, std::vector<double> objectives) {
  TMPQ_CHECK(objectives.size() == names_.size(), "objectives do not fit the archive");
  if (!std::all_of(objectives.begin(), objectives.end(),
                   [](double value) { return std::isfinite(value); }))
    return false;
  if (entries_.count(candidate.bytes()) > 0) return false;
  for (const auto& [bytes, entry] : entries_) {
    if (Dominates(entry.objectives, objectives)) return false;
  }
  std::erase_if(entries_,
                [&](const auto& item) { return Dominates(objectives, item.second.objectives); });
  entries_.emplace(candidate.bytes(), ArchiveEntry{candidate, std::move(objectives)});
  return true;
}

std::vector<ArchiveEntry> ParetoArchive::Entries() const {
  std::vector<ArchiveEntry> entries;
  for (const auto& [bytes, entry] : entries_) entries.push_back(entry);
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const ArchiveEntry& a, const ArchiveEntry& b) { return a.objectives < b.objectives; });
  return entries;
}

}  // namespace tmpq
