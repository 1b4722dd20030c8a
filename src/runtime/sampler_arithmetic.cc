// What is done to samples between two network calls: a fixed order of fused multiply-adds.
#include <algorithm>
#include <cmath>

#include "kernels/include/numerics.h"
#include "src/runtime/sampler_scratch.h"

namespace tmpq {

void DiffusionSampler::LoadState(const SamplerState& state, int64_t begin, int64_t count,
                                 Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto load = [&](const std::vector<float>& from, float* to) {
    std::copy_n(from.data() + begin * elements, count * elements, to);
  };
  load(state.samples, s.samples.data());
  if (s.simple) return;
  load(state.accepted, s.accepted.data());
  for (size_t j = 0; j < s.history.size(); ++j) load(state.history[j], s.history[j].data());
}

void DiffusionSampler::SaveState(SamplerState& state, int64_t begin, int64_t count,
                                 const Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto save = [&](const float* from, std::vector<float>& to) {
    std::copy_n(from, count * elements, to.data() + begin * elements);
  };
  save(s.samples.data(), state.samples);
  if (s.simple) return;
  save(s.accepted.data(), state.accepted);
  for (size_t j = 0; j < s.history.size(); ++j) save(s.history[j].data(), state.history[j]);
}

// One call's rule (src/schedule/solver.h) on every element; a fixed order of fused multiply-adds.
// s.samples holds x, s.outputs the guided output.
void DiffusionSampler::Advance(const SolverCall& call, const SampleRequest& request, int64_t begin,
                               int64_t count, int64_t index, Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const int64_t chunk_elements = count * elements;
  float* x = s.samples.data();
  const float* out = s.outputs.data();
  if (s.simple) {
    const auto on_sample = static_cast<float>(call.base),
               on_output = static_cast<float>(call.advance[0]);
    for (int64_t i = 0; i < chunk_elements; ++i) {
      x[i] = std::fmaf(on_output, out[i], on_sample * x[i]);
    }
    return;
  }
  std::rotate(s.history.begin(), s.history.end() - 1, s.history.end());
  float* newest = s.history[0].data();
  float* y = s.accepted.data();
  float accept[kSolverHistory], advance[kSolverHistory];
  for (int j = 0; j < kSolverHistory; ++j) {
    accept[j] = static_cast<float>(call.accept[j]),
    advance[j] = static_cast<float>(call.advance[j]);
  }
  const auto convert_sample = static_cast<float>(call.convert_sample),
             convert_output = static_cast<float>(call.convert_output);
  const auto keep = static_cast<float>(call.keep), take = static_cast<float>(call.take);
  const auto base = static_cast<float>(call.base);
  for (int64_t i = 0; i < chunk_elements; ++i) {
    newest[i] = std::fmaf(convert_output, out[i], convert_sample * x[i]);
    float accepted = call.keep == 0 ? take * x[i] : keep * y[i];
    for (int j = 0; j < kSolverHistory; ++j) {
      if (accept[j] != 0) accepted = std::fmaf(accept[j], s.history[j][i], accepted);
    }
    y[i] = accepted;
    float next = base * accepted;
    for (int j = 0; j < kSolverHistory; ++j) {
      if (advance[j] != 0) next = std::fmaf(advance[j], s.history[j][i], next);
    }
    x[i] = next;
  }
  if (call.noise != 0) AddNoise(call, request, begin, count, index, s);
}

void DiffusionSampler::AddNoise(const SolverCall& call, const SampleRequest& request, int64_t begin,
                                int64_t count, int64_t index, Scratch& s) {
  const auto elements = static_cast<int64_t>(s.accepted.size()) / s.capacity;
  const auto deviation = static_cast<float>(call.noise), span = static_cast<float>(call.noise_span);
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t stream = NoiseStream(request.first + begin, index) + static_cast<uint64_t>(i);
    FillNormal(request.seed, request.purpose, stream, s.noise);
    float* x = s.samples.data() + i * elements;
    const float* place = s.variances.data() + i * elements;
    for (int64_t e = 0; e < elements; ++e) {
      const float own =
          span == 0 ? deviation : deviation * kernels::ExpF(0.5f * (place[e] + 1) * span);
      x[e] = std::fmaf(own, s.noise[e], x[e]);
    }
  }
}

// Classifier-free guidance (Ho & Salimans, arXiv 2207.12598) of the first half of the outputs by
// the second; a learned variance is the conditional one's.
void DiffusionSampler::Guide(double scale, int64_t count, Scratch& s) const {
  const auto factor = static_cast<float>(scale);
  float* conditional = s.outputs.data();
  const float* unconditional = s.outputs.data() + count * outputs_;
  const int64_t channels = network_->graph().output_shape().back();
  const int64_t guided = channels * elements_ / outputs_;
  for (int64_t row = 0; row < count * outputs_ / channels; ++row) {
    for (int64_t c = 0; c < guided; ++c) {
      const int64_t i = row * channels + c;
      conditional[i] = std::fmaf(factor, conditional[i] - unconditional[i], unconditional[i]);
    }
  }
}

// Outputs of twice the sample's channels become outputs and variances.
void DiffusionSampler::SplitVariance(int64_t count, Scratch& s) const {
  const int64_t channels = network_->graph().output_shape().back() / 2;
  for (int64_t row = 0; row < count * elements_ / channels; ++row) {
    const float* from = s.outputs.data() + row * 2 * channels;
    for (int64_t c = 0; c < channels; ++c) {
      s.variances[row * channels + c] = from[channels + c];
      s.outputs[row * channels + c] = from[c];  // never ahead of what is still to be read
    }
  }
}

}  // namespace tmpq
