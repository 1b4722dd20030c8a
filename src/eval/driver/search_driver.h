// The main job: from a trained model and a budget to a front and a plan.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/eval/driver/finalist_choice.h"
#include "src/eval/driver/sampling_times.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/journal/journal.h"
#include "src/eval/results/run_file.h"
#include "src/models/model_file.h"
#include "src/schedule/noise_schedule.h"
#include "src/schedule/sampler.h"
#include "src/search/archive.h"
#include "src/search/space.h"

namespace tmpq {

// One line of the table that ends a run.
struct ReportRow {
  std::string name;  // "float", "naive", "w4a4", "w8a8", "plan"
  Candidate candidate;
  Costs costs;
  Measurements measurements;  // of Fidelity::kReport
};

// Everything that a finished run knows; src/eval/driver/search_outputs.h turns it into files.
struct SearchResult {
  SearchConfig config;
  Budget budget;
  SiteTable sites;  // of the model under the recipe
  ModelFile model;
  NoiseSchedule schedule;
  SamplerSettings sampler;
  int calls_per_step = 1;
  std::string feature_net;   // whose space distances are in
  std::string text_encoder;  // of text_similarity; empty: none
  std::string reference;     // what they are measured to: "training set", "float model's samples"
  Candidate plan;
  FinalistChoice selection;
  std::vector<ReportRow> rows;
  std::vector<JournalRecord> records;  // in the journal's order
  std::vector<std::string> objectives;
  std::vector<ArchiveEntry> front;            // by Fidelity::kMetrics
  std::vector<ArchiveEntry> predicted_front;  // SearchStage::predicted_front
  RunHistory history;
  Estimate prediction;                             // SearchStage::prediction
  std::map<std::string, std::string> hashes;       // of the artefacts
  std::map<std::string, double> seconds;           // by stage
  SamplingTimes times;                             // of the rows
  std::vector<float> float_samples, plan_samples;  // of the same report noise
  std::vector<std::string> prompts;                // of these samples, in turn; empty for labels
  // One value a sample, by measurement.
  std::map<std::string, std::vector<double>> float_values, plan_values;

  const ReportRow& row(const std::string& name) const;
};

// Runs all stages and writes journal, supernet, plan, run file, summary and samples into the
// session's folder. Same config, same bytes (but for `seconds` and `times`), for any threads and
// batch, killed and resumed or not. Throws kUsage, kInput, kCorrupt, kIo; kInterrupted when the
// flag was raised, after which it can be resumed.
SearchResult RunSearch(const SearchConfig& config, const SearchSession& session);

}  // namespace tmpq
