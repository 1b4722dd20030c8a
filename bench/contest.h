// Times of things that are to be compared: in one process, interleaved at random, on Google
// Benchmark.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "src/core/json.h"

namespace tmpq {

struct Contestant {
  std::string name;
  std::function<void()> run;
};

struct ContestSettings {
  int repetitions = 25;    // of each contestant, in random order
  double seconds = 0.005;  // of one repetition, at least; a run is never cut
};

// Of one run, over the repetitions.
struct Timing {
  double median = 0, low = 0, high = 0;  // seconds: the median and the quartiles
  double least = 0;  // seconds: of the fastest repetition, which a busy machine disturbs least
};

// One timing a contestant. Every contestant runs once before.
std::vector<Timing> RunContest(const std::vector<Contestant>& contestants,
                               const ContestSettings& settings);

// Microseconds.
Json ToJson(const Timing& timing);

// What the figures were measured on: processor, cores, kernels, load of the machine now, revision.
Json MachineToJson();

}  // namespace tmpq
