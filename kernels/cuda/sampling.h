// What is done to samples between two network calls: DiffusionSampler's guidance, learned
// variances, solver (src/schedule/solver.h) and noise, byte for byte.
#pragma once

#include "kernels/cuda/device.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/include/philox.h"

namespace tmpq::gpu {

struct SolverStepParams {
  static constexpr int kHistory = 5;
  int64_t count = 0, elements = 0;  // samples, and of each
  int64_t channels = 0;             // of a sample, its last dimension
  float* x = nullptr;               // (count, elements); `guided`: twice, to the same values
  // (count, elements), or with twice the channels where a learned variance is behind the output;
  // `guided`: of the unconditional branch behind.
  const float* out = nullptr;
  int64_t out_channels = 0;
  int guided = 0;
  float guidance = 1;

  // x' = base x + advance[0] out, without memory; or all of a SolverCall.
  int simple = 0;
  float convert_sample = 0, convert_output = 1, keep = 0, take = 1, base = 1;
  float accept[kHistory] = {}, advance[kHistory] = {};
  float* accepted = nullptr;            // (count, elements)
  float* history[kHistory] = {};        // likewise, the newest first: it is written
  float noise = 0, noise_span = 0;      // none where 0
  uint64_t seed = 0, first_stream = 0;  // of the first sample
  uint32_t purpose = 0;

  float* timesteps = nullptr;  // (calls' samples): becomes `timestep`, for the next call
  int64_t timestep_count = 0;
  float timestep = 0;
};

// A thread four elements of a sample, which share a block of random numbers, and a timestep.
struct SolverStepKernel {
  using Params = SolverStepParams;
  static constexpr int kThreads = kElementThreads;
  static constexpr const char* kName = "solver_step";

  TMPQ_HOST_DEVICE static int64_t BlocksOfSample(int64_t elements) { return (elements + 3) / 4; }

  TMPQ_DEVICE static float Output(const Params& p, int64_t at) {
    const float conditional = LoadGlobal(p.out + at);
    if (p.guided == 0) return conditional;
    const int64_t behind = p.count * (p.elements / p.channels) * p.out_channels;
    const float unconditional = LoadGlobal(p.out + behind + at);
    return fmaf(p.guidance, conditional - unconditional, unconditional);
  }

  TMPQ_DEVICE static float Advance(const Params& p, int64_t i, float x, float out) {
    if (p.simple != 0) return fmaf(p.advance[0], out, p.base * x);
    StoreGlobal(p.history[0] + i, fmaf(p.convert_output, out, p.convert_sample * x));
    float accepted = p.keep == 0 ? p.take * x : p.keep * LoadGlobal(p.accepted + i);
    TMPQ_UNROLL
    for (int j = 0; j < Params::kHistory; ++j) {
      if (p.accept[j] != 0) accepted = fmaf(p.accept[j], LoadGlobal(p.history[j] + i), accepted);
    }
    StoreGlobal(p.accepted + i, accepted);
    float next = p.base * accepted;
    TMPQ_UNROLL
    for (int j = 0; j < Params::kHistory; ++j) {
      if (p.advance[j] != 0) next = fmaf(p.advance[j], LoadGlobal(p.history[j] + i), next);
    }
    return next;
  }

  TMPQ_DEVICE static void Run(const Params& p) {
    const int64_t thread = ElementIndex(), blocks = BlocksOfSample(p.elements);
    const int64_t sample = thread / blocks, block = thread % blocks;
    StoreGlobalIf(thread < p.timestep_count, p.timesteps + thread, p.timestep);
    if (sample >= p.count) return;
    float normal[4] = {};
    if (p.noise != 0) {
      kernels::PhiloxNormal4(p.seed, p.purpose, p.first_stream + static_cast<uint64_t>(sample),
                             static_cast<uint32_t>(block), normal);
    }
    for (int j = 0; j < 4; ++j) {
      const int64_t element = block * 4 + j, i = sample * p.elements + element;
      if (element >= p.elements) break;
      const int64_t at = i / p.channels * p.out_channels + i % p.channels;
      float next = Advance(p, i, LoadGlobal(p.x + i), Output(p, at));
      if (p.noise != 0) {
        float deviation = p.noise;
        if (p.noise_span != 0) {
          const float place = LoadGlobal(p.out + at + p.channels);
          deviation = p.noise * kernels::ExpF(0.5f * (place + 1) * p.noise_span);
        }
        next = fmaf(deviation, normal[j], next);
      }
      StoreGlobal(p.x + i, next);
      if (p.guided != 0) StoreGlobal(p.x + p.count * p.elements + i, next);
    }
  }
};

}  // namespace tmpq::gpu
