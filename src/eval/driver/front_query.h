// Another plan out of a finished run: of those that satisfy conditions the candidate of least
// distance, or of what else the run's front has for its first objective, among those that the
// search has measured by metrics; or of least predicted error, or of what else its algorithm
// minimised, on the front that its tables predict for all budgets. Nothing is evaluated.
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
  std::string quantity;  // a cost of src/plan/costs.h, steps, a loss's measurement
  std::string relation;
  double limit = 0;  // in the unit written
  // Of bitops x (uniform W8A8 at the run's steps), of bytes B, kB, .., of times us, ms, s; else "".
  std::string unit;
  double scale = 1;  // what the quantity is divided by to be in that unit

  // By how much of the limit a value misses the condition; 0: satisfied.
  double Excess(double value) const;
};

// Conditions with commas. Throws kUsage naming what is wrong.
std::vector<FrontCondition> ParseFrontQuery(const std::string& text);

struct FrontChoice {
  int64_t evaluation = -1;         // row of the run's evaluations
  double value = 0;                // on search noise, the least of several and so too low; or
                                   // predicted
  int64_t fitting = 0, known = 0;  // candidates that satisfy the conditions, of how many
};

// `fidelity`: kMetrics or kPredicted. Throws kInput where nothing satisfies the conditions, naming
// what the nearest candidate has, and kInput where the run has no row w8a8 that relative BitOps
// need.
FrontChoice QueryFront(const RunRecord& run, const std::string& text,
                       Fidelity fidelity = Fidelity::kMetrics);

// Answers from the run in session.out and writes the chosen candidate's plan to `plan_out`, where
// nothing is unless session.overwrite. Throws as ReadRunFile and QueryFront; kUsage, kIo; kInput
// where the run's supernet is missing, or model or supernet are no more those of the run.
Json AnswerFrontQuery(const SearchSession& session, const std::string& text, Fidelity fidelity,
                      const std::filesystem::path& plan_out);

// The answer in words: the chosen row, and what its distance or predicted error is.
std::string FrontAnswerText(const Json& answer);

}  // namespace tmpq
