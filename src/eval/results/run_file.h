// The published view of a run: everything that a plot, a table or a later look needs, in one HDF5
// file. docs/formats.md describes the schema.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/metrics/estimate.h"
#include "src/plan/candidate.h"
#include "src/plan/costs.h"
#include "src/plan/quant_site.h"
#include "src/search/evaluator.h"
#include "src/search/proposals.h"

namespace tmpq {

// Raised when a reader of the old schema would misread a file.
inline constexpr int64_t kRunSchemaVersion = 1;

// What a measured or computed number is; becomes attributes.
struct Quantity {
  std::string units;  // "1" for a number without unit
  std::string meaning;
  bool minimized = true;
};

struct RunEvaluation {
  Fidelity fidelity = Fidelity::kPredicted;
  Candidate candidate;
  Costs costs;
  Measurements measurements;
};

// A Pareto front: indices into the evaluations, all of one fidelity.
struct RunFront {
  Fidelity fidelity = Fidelity::kPredicted;
  std::vector<std::string> objectives;  // names of costs or measurements, all minimized
  std::vector<int64_t> evaluations;
};

// What became of a generation's proposals of one move.
struct MoveSuccess {
  int64_t proposed = 0;
  int64_t joined_front = 0;  // when measured: of loss and BitOps, within the budget
  int64_t improved = 0;      // had less loss than any before, within the budget
};

// Progress of the search, one entry per generation, at one fidelity.
struct RunHistory {
  Fidelity fidelity = Fidelity::kPredicted;
  std::vector<std::string> objectives;
  std::vector<double> reference_point;  // of the hypervolume, in the objectives' units
  std::vector<int64_t> generations;
  std::vector<int64_t> evaluations;         // candidates evaluated so far
  std::vector<double> hypervolume;          // of objectives divided by the reference point: 0..1
  std::vector<int64_t> network_calls = {};  // of one sample, that they took; empty: not counted
  std::string minimized = {};               // by the algorithm: a measurement
  // The least of it so far within the budget; empty: not kept. Infinite where there is none.
  std::vector<double> least_loss = {};
  std::vector<std::map<Move, MoveSuccess>> moves = {};  // empty: not kept
};

// Over all generations.
std::map<Move, MoveSuccess> TotalsOf(const RunHistory& history);

// The finalists, compared on selection noise.
struct RunSelection {
  std::string measurement;
  int64_t samples = 0;
  std::vector<int64_t> evaluations;  // indices, of Fidelity::kSelection; empty: not kept
  int64_t plan = 0;                  // which of them it became
  std::vector<Estimate> minus_plan;  // their measurement minus the plan's, paired
};

// One of float, naive, w4a4, w8a8, plan: measured on report noise.
struct RunBaseline {
  std::string name;
  Candidate candidate;
  Costs costs;
  int64_t samples = 0;
  std::map<std::string, Estimate> metrics;
};

// Plain data; the order of evaluations is the journal's.
struct RunRecord {
  std::string config_text;
  std::map<std::string, std::string> provenance;  // program, git_revision, hashes, seed
  std::map<std::string, double> budget;           // limit by name of cost
  std::vector<QuantSite> sites;
  std::map<std::string, Quantity> quantities;  // of every measurement and metric that appears
  std::vector<RunEvaluation> evaluations;
  std::vector<RunFront> fronts;
  RunHistory history;
  RunSelection selection = {};
  std::vector<RunBaseline> baselines;
  std::map<std::string, double> seconds;  // by stage: the only content that differs between runs
};

// The file's bytes: the same record gives the same bytes. A measurement, metric or objective
// without an entry in `quantities`, or an index outside the evaluations, is a bug of the caller
// (aborts).
std::string SerializeRun(const RunRecord& record);

// Writes whole or not at all. Throws kIo.
void WriteRunFile(const std::filesystem::path& path, const RunRecord& record);

}  // namespace tmpq
