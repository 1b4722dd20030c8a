// Runs a program as a user would, and looks at what came out.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tmpq {

struct ProcessResult {
  int exit_code = -1;  // -signal when it was killed
  std::string out, err;
};

struct ProcessOptions {
  // Largest file that the program can write, as on a full disk; 0: no limit.
  size_t max_file_bytes = 0;
  // Kill with SIGKILL as soon as this file has so many lines.
  std::filesystem::path kill_when;
  int kill_lines = 0;
  int interrupt_lines = 0;  // the same with SIGINT
};

// `program`: the name of one of ours, or an absolute path.
ProcessResult RunProcess(const std::string& program, const std::vector<std::string>& arguments,
                         const ProcessOptions& options = {});

// Names of all files below a folder, relative, sorted.
std::vector<std::string> FilesIn(const std::filesystem::path& folder);

}  // namespace tmpq
