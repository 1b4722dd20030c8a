// tmpq-sensitivity's job: every site alone at every bit-width, at all steps and in each range.
#pragma once

#include <filesystem>

#include "src/eval/driver/search_bench.h"
#include "src/eval/sensitivity/sensitivity_config.h"
#include "src/eval/sensitivity/sensitivity_table.h"

namespace tmpq {

inline constexpr const char* kSensitivityName = "sensitivity.h5";
inline constexpr const char* kSensitivityCsvName = "sensitivity.csv";

struct SensitivityRun {
  SensitivityTable table;
  int64_t probes = 0, resumed = 0;  // sites x bit-widths; of these answered by the journal
  // Network calls of one sample: made by this process, and what all probes take without reuse.
  int64_t calls = 0, calls_without_reuse = 0;
};

// Measures and writes journal.jsonl, sensitivity.h5 and sensitivity.csv (docs/formats.md) into the
// session's folder. Same config, same bytes, for any threads and batch, with `reuse` or without,
// killed and resumed or not. Throws as RunSearch does.
SensitivityRun MeasureSensitivity(const SensitivityConfig& config, const SearchSession& session,
                                  bool reuse = true);

}  // namespace tmpq
