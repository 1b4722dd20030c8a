#include "src/eval/journal/journal.h"

#include "src/core/config_text.h"
#include "src/core/error.h"
#include "src/eval/journal/record_text.h"

namespace tmpq {
namespace {

// Throws kUsage naming the first key that differs.
void CompareKeys(const std::string& where, const std::string& kind,
                 const std::map<std::string, std::string>& recorded,
                 const std::map<std::string, std::string>& asked) {
  const auto value = [](const std::map<std::string, std::string>& keys, const std::string& key) {
    const auto found = keys.find(key);
    return found == keys.end() ? std::string("absent") : "\"" + found->second + "\"";
  };
  std::map<std::string, std::string> all = recorded;
  all.insert(asked.begin(), asked.end());
  for (const auto& [key, unused] : all) {
    if (value(recorded, key) == value(asked, key)) continue;
    throw Error(ErrorCode::kUsage, where,
                "belongs to a run with another " + kind + ": " + key + " is " +
                    value(recorded, key) + " there and " + value(asked, key) + " now",
                "resume with the same settings, or start a new run");
  }
}

void CompareHeaders(const std::string& where, const JournalHeader& recorded,
                    const JournalHeader& asked) {
  CompareKeys(where, "config", ConfigValues(recorded.config_text), ConfigValues(asked.config_text));
  CompareKeys(where, "artefact", recorded.hashes, asked.hashes);
}

struct Line {
  size_t end = 0;            // offset after the newline, or the file's size
  std::optional<Json> json;  // empty when the line is torn or damaged
};

// Splits a journal's text; a line without newline counts as torn.
std::vector<Line> SplitLines(const std::string& text) {
  std::vector<Line> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = text.find('\n', begin);
    const bool whole = newline != std::string::npos;
    const size_t end = whole ? newline + 1 : text.size();
    std::optional<Json> json;
    if (whole) json = ParseLine(std::string_view(text).substr(begin, newline - begin));
    lines.push_back({end, std::move(json)});
    begin = end;
  }
  return lines;
}

}  // namespace

JournalContent ReadJournal(const std::filesystem::path& path) {
  const std::string where = path.string();
  const std::string text = ReadFile(path);
  const std::vector<Line> lines = SplitLines(text);
  size_t intact = 0;
  while (intact < lines.size() && lines[intact].json) ++intact;
  for (size_t i = intact + 1; i < lines.size(); ++i) {
    if (!lines[i].json) continue;
    throw Error(ErrorCode::kCorrupt, where,
                "line " + std::to_string(intact + 1) + " is damaged, but line " +
                    std::to_string(i + 1) + " after it is intact",
                "take the journal from a copy, or cut it before line " +
                    std::to_string(intact + 1) + " to measure the rest again");
  }
  if (intact == 0) {
    throw Error(ErrorCode::kInput, where, "is not a tmpq journal, or its header is damaged",
                "start a new run");
  }
  JournalContent content;
  for (size_t i = 0; i < intact; ++i) {
    const std::string place = where + " line " + std::to_string(i + 1);
    if (JsonGet<size_t>(*lines[i].json, "record", place) != i) {
      throw Error(ErrorCode::kCorrupt, place, "a record before it is missing or stands twice",
                  "take the journal from a copy");
    }
    if (i == 0) {
      content.header = HeaderFromJson(*lines[i].json, place);
    } else {
      content.records.push_back(RecordFromJson(*lines[i].json, place));
    }
    content.valid_bytes = lines[i].end;
  }
  return content;
}

Journal::Journal(const std::filesystem::path& path, size_t keep_bytes) : file_(path, keep_bytes) {}

std::unique_ptr<Journal> Journal::Create(const std::filesystem::path& path,
                                         const JournalHeader& header) {
  if (std::filesystem::exists(path)) {
    throw Error(ErrorCode::kUsage, path.string(), "exists already",
                "resume the run, or name another folder");
  }
  // The header appears whole: a run killed here leaves no journal, never half of one.
  WriteFileAtomically(path, FormatLine(HeaderToJson(header)));
  return std::unique_ptr<Journal>(new Journal(path, std::filesystem::file_size(path)));
}

std::unique_ptr<Journal> Journal::Resume(const std::filesystem::path& path,
                                         const JournalHeader& header) {
  JournalContent content = ReadJournal(path);
  CompareHeaders(path.string(), content.header, header);
  auto journal = std::unique_ptr<Journal>(new Journal(path, content.valid_bytes));
  for (JournalRecord& record : content.records) journal->Index(std::move(record));
  return journal;
}

void Journal::Index(JournalRecord record) {
  index_.emplace(std::pair(record.candidate_hash, record.fidelity), records_.size());
  records_.push_back(std::move(record));
}

const Measurements* Journal::Find(Hash128 candidate, Fidelity fidelity) const {
  const auto found = index_.find({candidate, fidelity});
  return found == index_.end() ? nullptr : &records_[found->second].measurements;
}

void Journal::Append(std::span<const JournalRecord> records) {
  if (records.empty()) return;
  std::string text;
  for (size_t i = 0; i < records.size(); ++i) {
    // Record 0 is the header.
    text += FormatLine(RecordToJson(records[i], records_.size() + 1 + i));
  }
  // A failed append may leave half a line, which only reopening cuts off.
  TMPQ_CHECK(!broken_, "append to a journal after a failed append");
  broken_ = true;
  file_.Append(text);
  broken_ = false;
  for (const JournalRecord& record : records) Index(record);
}

std::unique_ptr<Journal> OpenJournal(const std::filesystem::path& path, const JournalHeader& header,
                                     bool resume) {
  return resume && std::filesystem::exists(path) ? Journal::Resume(path, header)
                                                 : Journal::Create(path, header);
}

}  // namespace tmpq
