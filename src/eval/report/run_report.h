// A finished search as one page of HTML that needs nothing else: no network, no other files.
#pragma once

#include <filesystem>
#include <string>

#include "src/core/json.h"
#include "src/eval/results/run_file.h"

namespace tmpq {

struct RunReport {
  RunRecord run;
  Json summary;  // null where the folder has none
  Json sheet;    // samples.json: prompts with what samples are worth; null: none
  std::string samples_png, samples_gif;  // the files' bytes; empty: none
};

// Reads run.h5 and whatever of summary.json, samples.json, samples.png and samples.gif is beside
// it. Throws as ReadRunFile, and kInput for broken JSON.
RunReport LoadRunReport(const std::filesystem::path& folder);

// The page: rows with intervals, front, hypervolume, timesteps, bit-widths, samples, budget,
// config, times and hashes. The same run gives the same bytes.
std::string RenderRunReport(const RunReport& report);

}  // namespace tmpq
