// run.h5, read back.
#pragma once

#include <filesystem>
#include <string>

#include "src/eval/results/run_file.h"

namespace tmpq {

// What WriteRunFile wrote, baselines and fronts sorted by name. Sites lack what the file does not
// hold (features, storage). Throws kIo, kInput (no run file, another version, something
// missing) and kCorrupt where a candidate is not the one whose hash stands beside it.
RunRecord ReadRunFile(const std::filesystem::path& path);

// Null where there is none of that name.
const RunBaseline* FindBaseline(const RunRecord& run, const std::string& name);

}  // namespace tmpq
