// What sampling takes on the machine that searched: times, which are no part of a result.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "src/core/json.h"
#include "src/eval/driver/search_bench.h"
#include "src/eval/proxies/runtime_evaluator.h"

namespace tmpq {

using NamedCandidate = std::pair<std::string, Candidate>;

struct SamplingTimes {
  std::string executor;       // kernels or device; empty: nothing was timed
  int threads = 0;            // of this processor; 1 with a device
  int64_t batch = 0;          // samples of a network call
  int64_t samples = 0;        // drawn at a time
  int64_t working_bytes = 0;  // beside the weights, of all threads; 0 with a device: not known
  std::map<std::string, double> milliseconds;  // a sample's, by name: the faster of two times
};

// Samples that TimeSampling draws of each distinct candidate, both times together: one call's for
// each thread each time, and no more than a report's.
int64_t TimedSamples(const SearchBench& bench, const SearchSession& session);

// In turn, twice, each candidate that differs from those before it. Throws kInterrupted.
SamplingTimes TimeSampling(const std::vector<NamedCandidate>& candidates, const SearchBench& bench,
                           const SearchSession& session, RuntimeEvaluator& evaluator);

Json SamplingTimesToJson(const SamplingTimes& times);
// Throws kInput naming `where`.
SamplingTimes SamplingTimesFromJson(const Json& json, const std::string& where);

// A line, in the order of `names`; nothing where nothing was timed.
std::string SamplingTimesText(const SamplingTimes& times, const std::vector<std::string>& names);

}  // namespace tmpq
