// tmpq-bench search: candidates a minute, against quantizing float weights anew and simulating them
// in LibTorch; what the integer runtime, the supernet and shared beginnings of trajectories give is
// told apart. The same candidates, samples and steps.
#pragma once

#include <filesystem>
#include <string>

#include "bench/contest.h"
#include "src/core/json.h"
#include "src/core/progress.h"

namespace tmpq {

struct EvaluationBenchSettings {
  std::string model = "fashion-dit";  // a name of LoadAnyModel
  std::filesystem::path bundled;
  int candidates = 8;  // of a population
  int steps = 20;
  int samples = 12;  // of a trajectory error
  ContestSettings contest;
};

// One object a population: offspring of TMPQ-DM's evolution and small variations, with one policy
// and with a policy a step. Throws what opening a model and making its supernet throw.
Json BenchEvaluation(const EvaluationBenchSettings& settings, Progress& progress);

// The result for people.
std::string EvaluationBenchText(const Json& result);

}  // namespace tmpq
