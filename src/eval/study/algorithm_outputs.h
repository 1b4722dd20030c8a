// A finished algorithm study as files.
#pragma once

#include <filesystem>
#include <string>

#include "src/core/json.h"
#include "src/eval/study/algorithm_study.h"

namespace tmpq {

// Names within the study's folder.
inline constexpr const char* kAlgorithmsName = "algorithms.json";
inline constexpr const char* kAlgorithmTableName = "table.md";
inline constexpr const char* kAlgorithmCsvName = "table.csv";

// {"format": "tmpq-algorithms-1", ...} (docs/formats.md).
Json AlgorithmStudyToJson(const AlgorithmStudy& study);
// An algorithm a row: median over the seeds (least - most) of the hypervolume after 1, 2, 5, 10 and
// 20 % of the evaluations, and of the evaluations that 99 % took. Markdown.
std::string AlgorithmTable(const AlgorithmStudy& study);
// A run a row.
std::string AlgorithmCsv(const AlgorithmStudy& study);
// All three, whole or not at all. Throws kIo.
void WriteAlgorithmStudy(const AlgorithmStudy& study, const std::filesystem::path& folder);

}  // namespace tmpq
