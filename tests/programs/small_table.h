// A folder of rows small enough for a test, and the table made of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/core/file.h"
#include "tests/programs/process.h"

namespace tmpq {

inline void PutFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  WriteFileAtomically(path, std::string_view(text));
}

inline constexpr const char* kSmallDefaults =
    "models = fashion-dit\nbits = w8a8, w4a4\nseeds = 0,1\nsteps = 2\nsamples = 6\n"
    "metrics = fd,psnr\n";

// The float model, two recipes, of which the second claims to beat the first: ten cells.
inline std::filesystem::path WriteSmallTable(const std::filesystem::path& folder,
                                             const std::string& second = "recipe = quarot\n") {
  PutFile(folder / "defaults.ini", kSmallDefaults);
  PutFile(folder / "1-float.ini", "method = float\nmetrics = fd\n");
  PutFile(folder / "2-naive.ini", "label = naive, per token\n");
  PutFile(folder / "3-other.ini", "improves_on = 2-naive\n" + second);
  return folder;
}

// Of tmpq-experiment: `table` into the folders OF/table and OF/work.
inline std::vector<std::string> TableArguments(const std::filesystem::path& table,
                                               const std::filesystem::path& of,
                                               const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {table, "--out", of / "table", "--work", of / "work"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace tmpq
