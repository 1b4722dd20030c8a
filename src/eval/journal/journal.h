// The journal of a run: an append-only text file of measurements. Replaying it is how a killed run
// resumes and how a result is checked. docs/formats.md describes the format.
//
// Invariants:
//  J1  A record is on the disk before anybody acts on its measurements.
//  J2  Record k is line k; every line carries a checksum over its own text, and its number.
//  J3  Content holds no time, host or path: the same config and seed give the same bytes after the
//      header's git revision.
// Not thread-safe; one process writes a journal at a time.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/plan/candidate.h"
#include "src/search/evaluator.h"

namespace tmpq {

// What a journal's measurements depend on.
struct JournalHeader {
  std::string config_text;                    // "key = value" lines, as ConfigText writes them
  std::map<std::string, std::string> hashes;  // of the artefacts: "model", "feature_net", ...
  std::string git_revision;                   // recorded, never compared
};

struct JournalRecord {
  Fidelity fidelity = Fidelity::kPredicted;
  Hash128 candidate_hash;
  Json candidate;  // CandidateToJson
  Measurements measurements;
};

// A journal's content, verified.
struct JournalContent {
  JournalHeader header;
  std::vector<JournalRecord> records;
  size_t valid_bytes = 0;  // what is left out was a torn or damaged tail
};

// Reads and verifies a journal without changing it. A damaged line with no intact line after it is
// a torn tail and is left out; any other damage throws kCorrupt naming the line. Throws kIo when
// the file cannot be read, kInput when it is not a journal.
JournalContent ReadJournal(const std::filesystem::path& path);

class Journal {
 public:
  // Begins a journal. Throws kUsage if `path` exists.
  static std::unique_ptr<Journal> Create(const std::filesystem::path& path,
                                         const JournalHeader& header);
  // Opens an existing journal and cuts off a torn tail. Throws as ReadJournal does, and kUsage when
  // it belongs to another config or other artefacts: the message names the first key that differs,
  // with both values.
  static std::unique_ptr<Journal> Resume(const std::filesystem::path& path,
                                         const JournalHeader& header);

  const std::vector<JournalRecord>& records() const { return records_; }
  // The measurements of a candidate at a fidelity, or null. The pointer lives until the next
  // Append.
  const Measurements* Find(Hash128 candidate, Fidelity fidelity) const;

  // Appends records in this order; they are on the disk when it returns. Throws kIo.
  void Append(std::span<const JournalRecord> records);

 private:
  Journal(const std::filesystem::path& path, size_t keep_bytes);
  void Index(JournalRecord record);

  AppendFile file_;
  bool broken_ = false;
  std::vector<JournalRecord> records_;
  std::map<std::pair<Hash128, Fidelity>, size_t> index_;
};

// A run's journal in its folder.
inline constexpr const char* kJournalName = "journal.jsonl";

// Journal::Resume where `resume` is set and there is one at `path`, else Journal::Create.
std::unique_ptr<Journal> OpenJournal(const std::filesystem::path& path, const JournalHeader& header,
                                     bool resume);

}  // namespace tmpq
