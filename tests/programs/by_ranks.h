// A program started by mpirun.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/programs/process.h"

namespace tmpq {

// `program` as `ranks` ranks of one thread each.
inline ProcessResult RunByRanks(int ranks, const std::string& program,
                                const std::vector<std::string>& more,
                                const ProcessOptions& options = {}) {
  std::vector<std::string> arguments = {"--allow-run-as-root",
                                        "--oversubscribe",
                                        "--bind-to",
                                        "none",
                                        "-n",
                                        std::to_string(ranks),
                                        std::filesystem::path(TMPQ_BIN_DIR) / program,
                                        "--threads=1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProcess(TMPQ_MPIRUN, arguments, options);
}

}  // namespace tmpq
