// A search small enough for a test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "src/core/file.h"

namespace tmpq {

// A folder of this process's own.
inline const std::filesystem::path& TestFolder(const std::string& name) {
  static const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("tmpq-" + name + "-" + std::to_string(getpid()));
  return folder;
}

// A search of seconds; `more` comes last and wins.
inline std::vector<std::string> TinySearch(const std::filesystem::path& out,
                                           std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"--steps=4",
                                        "--budget=4bit",
                                        "--weight-bits=4,8",
                                        "--activation-bits=4,8",
                                        "--population=5",
                                        "--parents=3",
                                        "--mutants=2",
                                        "--crossovers=1",
                                        "--generations=2",
                                        "--trajectory-steps=6",
                                        "--trajectory-samples=3",
                                        "--metric-samples=12",
                                        "--metric-candidates=1",
                                        "--selection-candidates=2",
                                        "--selection-samples=12",
                                        "--report-samples=21",
                                        "--converged-samples=4",
                                        "--out=" + out.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// A run's journal without the header, which names a revision.
inline std::string JournalRecords(const std::filesystem::path& run) {
  const std::string journal = ReadFile(run / "journal.jsonl");
  return journal.substr(journal.find('\n'));
}

}  // namespace tmpq
