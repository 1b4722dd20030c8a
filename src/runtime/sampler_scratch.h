// Private to DiffusionSampler.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/core/aligned.h"
#include "src/runtime/sampler.h"

namespace tmpq {

// Memory of one network call at a time. `samples` holds the chunk twice when guidance needs two
// calls per sample.
struct DiffusionSampler::Scratch {
  Workspace workspace;
  int64_t capacity = 0;  // samples
  bool simple = false;   // no call looks back: nothing is kept
  AlignedVector<float> samples, outputs, timesteps;
  NetworkInputs inputs, null_inputs;  // of the first half or of all; of guidance's second half
  std::vector<float> noise;           // of one sample
  std::vector<float> variances;       // the outputs' second half, with a learned variance
  std::vector<float> accepted;        // y of src/schedule/solver.h
  std::vector<std::vector<float>> history;  // m0, m1, ..
  std::vector<int32_t> conditions, zeros;
  std::map<std::string, AlignedVector<float>> tensors;  // float conditions
};

}  // namespace tmpq
