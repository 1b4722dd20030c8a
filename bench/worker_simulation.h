// A search over many machines in simulated time: the pool's own DispatchPolicy, driven by events.
#pragma once

#include <cstdint>

namespace tmpq {

// What a candidate's evaluation takes, and who evaluates.
struct SimulatedWork {
  int generation_size = 50;
  int generations = 10;
  double evaluation_seconds = 1;  // median over candidates, on a worker of speed 1
  // Standard deviations of the logarithm: of candidates, the same on every worker; of runs, drawn
  // for each run anew, as on machines that others use too.
  double candidate_spread = 0, run_spread = 0;
  int stragglers = 0;  // workers that are slower by this factor
  double straggler_factor = 10;
  uint64_t seed = 0;
};

// What rank 0 and the network need.
struct SimulatedCosts {
  double message_seconds = 0;  // of rank 0, for one message with what it says
  double append_seconds = 0;   // of rank 0, for bringing answers to the disk
  double record_seconds = 0;   // more for each answer
  double latency_seconds = 0;  // of a message on its way
  double poll_seconds = 0;     // between two looks of who waits
  double stop_seconds = 0;     // until a worker sees that its copy is in vain
};

struct SimulatedRun {
  double seconds = 0;
  // Candidates' mean seconds on a worker of speed 1 by the speeds' sum: what no pool without backup
  // tasks beats on average.
  double ideal_seconds = 0;
  // The same, but no generation is quicker than its longest candidate.
  double bound_seconds = 0;
  int64_t evaluations = 0;  // begun, those run twice included
  double efficiency() const { return ideal_seconds / seconds; }
};

// `late_factor` as DispatchPolicy's. Deterministic.
SimulatedRun SimulateSearch(int workers, double late_factor, const SimulatedWork& work,
                            const SimulatedCosts& costs);

}  // namespace tmpq
