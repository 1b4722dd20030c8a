// Another plan out of a finished run: the candidate of least distance, among those whose distance
// the search has measured, that satisfies conditions. Nothing is evaluated.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/results/run_file.h"

namespace tmpq {

// "bitops<=0.2x": a quantity, <, <=, =, >= or >, a number and a unit.
struct FrontCondition {
  std::string
      quantity;  // bitops, average_weight_bits, average_activation_bits, bytes, steps, distance
  std::string relation;
  double limit = 0;  // in the unit written
  std::string unit;  // of bitops: x (uniform W8A8 at the run's steps); of bytes: B, kB, ..; else ""
  double scale = 1;  // what the quantity is divided by to be in that unit

  // By how much of the limit a value misses the condition; 0: satisfied.
  double Excess(double value) const;
};

// Conditions with commas. Throws kUsage naming what is wrong.
std::vector<FrontCondition> ParseFrontQuery(const std::string& text);

struct FrontChoice {
  int64_t evaluation = -1;            // row of the run's evaluations
  double distance = 0;                // on search noise: the least of several, so too low
  int64_t fitting = 0, measured = 0;  // candidates that satisfy the conditions, of how many
};

// Throws kInput where nothing satisfies the conditions, naming what the nearest candidate has, and
// kInput where the run has no row w8a8 that relative BitOps need.
FrontChoice QueryFront(const RunRecord& run, const std::string& text);

// Answers from the run in session.out and writes the chosen candidate's plan to `plan_out`, where
// nothing is unless session.overwrite. Throws as ReadRunFile and QueryFront; kUsage, kIo; kInput
// where the run's supernet is missing, or model or supernet are no more those of the run.
Json AnswerFrontQuery(const SearchSession& session, const std::string& text,
                      const std::filesystem::path& plan_out);

// The answer in words: the measured row, and what its distance is.
std::string FrontAnswerText(const Json& answer);

}  // namespace tmpq
