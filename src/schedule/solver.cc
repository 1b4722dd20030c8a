#include "src/schedule/solver.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Signal, noise and half the log of their squared ratio at a place of the trajectory; the clean end
// has noise 0 and lambda infinity.
struct Place {
  double signal = 1, noise = 0, lambda = INFINITY;
};

Place PlaceOf(double alpha_bar) {
  const double signal = std::sqrt(alpha_bar), noise = std::sqrt(1 - alpha_bar);
  return {signal, noise, std::log(signal / noise)};
}

// The places of all timesteps and the end, which is clean unless the schedule says otherwise.
std::vector<Place> PlacesOf(const NoiseSchedule& schedule, const TimestepSequence& timesteps) {
  std::vector<Place> places;
  for (const int t : timesteps.values()) {
    CheckRange("timestep", t, 0, schedule.training_steps() - 1);
    places.push_back(PlaceOf(schedule.alpha_bar[t]));
  }
  places.push_back(schedule.final_alpha_bar < 1 ? PlaceOf(schedule.final_alpha_bar) : Place{});
  return places;
}

// `a` x + `b` out.
struct Linear {
  double sample, output;
};
Linear CleanOf(Prediction prediction, const Place& at) {
  switch (prediction) {
    case Prediction::kEpsilon:
      return {1 / at.signal, -at.noise / at.signal};
    case Prediction::kV:
      return {at.signal, -at.noise};
    default:
      return {0, 1};
  }
}
Linear NoiseOf(Prediction prediction, const Place& at) {
  switch (prediction) {
    case Prediction::kEpsilon:
      return {0, 1};
    case Prediction::kV:
      return {at.noise, at.signal};
    default:
      return {1 / at.noise, -at.signal / at.noise};
  }
}

// Sample and output weighted together: x' = clean_weight clean + noise_weight noise.
SolverCall Mixed(int step, Prediction prediction, const Place& at, double clean_weight,
                 double noise_weight) {
  const Linear clean = CleanOf(prediction, at), noise = NoiseOf(prediction, at);
  SolverCall call;
  call.step = step;
  call.base = clean_weight * clean.sample + noise_weight * noise.sample;
  call.advance[0] = clean_weight * clean.output + noise_weight * noise.output;
  return call;
}

std::vector<SolverCall> Ddim(const std::vector<Place>& places, const SamplerSettings& settings) {
  std::vector<SolverCall> calls;
  for (size_t k = 0; k + 1 < places.size(); ++k) {
    const Place &now = places[k], &next = places[k + 1];
    const double ratio = now.signal / next.signal;
    const double deviation =
        settings.eta * next.noise / now.noise * std::sqrt(std::max(0.0, 1 - ratio * ratio));
    const double noise_weight =
        settings.eta == 0
            ? next.noise
            : std::sqrt(std::max(0.0, next.noise * next.noise - deviation * deviation));
    calls.push_back(
        Mixed(static_cast<int>(k), settings.prediction, now, next.signal, noise_weight));
    calls.back().noise = deviation;
  }
  return calls;
}

std::vector<SolverCall> Ddpm(const std::vector<Place>& places, const SamplerSettings& settings) {
  std::vector<SolverCall> calls;
  for (size_t k = 0; k + 1 < places.size(); ++k) {
    const Place &now = places[k], &next = places[k + 1];
    const double alpha = std::pow(now.signal / next.signal, 2), beta = 1 - alpha;
    const double remaining = now.noise * now.noise, before = next.noise * next.noise;
    SolverCall call =
        Mixed(static_cast<int>(k), settings.prediction, now, next.signal * beta / remaining, 0);
    call.base += std::sqrt(alpha) * before / remaining;
    call.noise = std::sqrt(before / remaining * beta);
    if (settings.learned_variance && call.noise > 0) {  // from the posterior's to beta's
      call.noise_span = 0.5 * std::log(remaining / before);
    }
    calls.push_back(call);
  }
  return calls;
}

// Weights of the history that plms uses after `count` usable outputs, newest first.
std::vector<double> AdamsBashforth(size_t count) {
  if (count == 1) return {1};
  if (count == 2) return {3.0 / 2, -1.0 / 2};
  if (count == 3) return {23.0 / 12, -16.0 / 12, 5.0 / 12};
  return {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24};
}

// The outputs are combined as they are, and only then turned into noise, as diffusers does it.
std::vector<SolverCall> Plms(const std::vector<Place>& places, const SamplerSettings& settings) {
  const auto steps = static_cast<int>(places.size()) - 1;
  std::vector<SolverCall> calls;
  std::vector<int> usable;  // calls whose outputs count, newest last
  for (int i = 0; i < (steps > 1 ? steps + 1 : steps); ++i) {
    const bool repeated = i == 1;  // sees the second timestep, and does the first step again
    SolverCall call;
    call.step = i == 0 ? 0 : i == 1 ? 1 : i - 1;
    const int from = repeated ? 0 : call.step;
    std::array<double, kSolverHistory> weights = {};
    if (repeated) {
      weights = {0.5, 0.5};
      call.keep = 1, call.take = 0;
    } else {
      usable.push_back(i);
      const std::vector<double> adams = AdamsBashforth(usable.size());
      for (size_t j = 0; j < adams.size(); ++j)
        weights[i - usable[usable.size() - 1 - j]] = adams[j];
    }
    const Place &now = places[from], &next = places[from + 1];
    const Linear noise = NoiseOf(settings.prediction, now);
    const double on_noise = next.noise - next.signal * now.noise / now.signal;
    call.base = next.signal / now.signal + on_noise * noise.sample;
    for (int j = 0; j < kSolverHistory; ++j) {
      call.advance[j] = on_noise * noise.output * weights[j];
    }
    calls.push_back(call);
  }
  return calls;
}

// A call whose outputs are turned into clean samples.
SolverCall CleanCall(int step, Prediction prediction, const Place& at) {
  const Linear clean = CleanOf(prediction, at);
  SolverCall call;
  call.step = step, call.convert_sample = clean.sample, call.convert_output = clean.output;
  return call;
}

// -signal (e^-h - 1), h from one place to the next; at the clean end: its signal.
double Weight(const Place& from, const Place& to) {
  return -to.signal * std::expm1(from.lambda - to.lambda);
}

std::vector<SolverCall> DpmSolverMultistep(const std::vector<Place>& places,
                                           const SamplerSettings& settings) {
  std::vector<SolverCall> calls;
  for (size_t k = 0; k + 1 < places.size(); ++k) {
    const Place &now = places[k], &next = places[k + 1];
    SolverCall call = CleanCall(static_cast<int>(k), settings.prediction, now);
    const double weight = Weight(now, next);
    call.base = next.noise / now.noise;
    call.advance[0] = weight;
    if (k > 0 && k + 2 < places.size()) {
      const double ratio = (now.lambda - places[k - 1].lambda) / (next.lambda - now.lambda);
      call.advance[0] += 0.5 * weight / ratio;
      call.advance[1] -= 0.5 * weight / ratio;
    }
    calls.push_back(call);
  }
  return calls;
}

std::vector<SolverCall> DpmSolverSinglestep(const std::vector<Place>& places,
                                            const SamplerSettings& settings) {
  const size_t steps = places.size() - 1;
  std::vector<SolverCall> calls;
  for (size_t k = 0; k < steps; ++k) {
    const Place &now = places[k], &next = places[k + 1];
    SolverCall call = CleanCall(static_cast<int>(k), settings.prediction, now);
    // The second of a pair advances from where the pair began; the last call is of order 1.
    if (k % 2 == 1 && k + 1 < steps) {
      const Place& begin = places[k - 1];
      const double weight = Weight(begin, next);
      const double ratio = (now.lambda - begin.lambda) / (next.lambda - begin.lambda);
      call.keep = 1, call.take = 0;
      call.base = next.noise / begin.noise;
      call.advance[0] = 0.5 * weight / ratio;
      call.advance[1] = weight - 0.5 * weight / ratio;
    } else {
      call.base = next.noise / now.noise;
      call.advance[0] = Weight(now, next);
    }
    calls.push_back(call);
  }
  return calls;
}

// phi functions and B(h) of UniPC's second variant, with -h.
struct UnipcWeights {
  double b1, b2;  // right sides of its equations of order 1 and 2
  double bh;      // B(h) = e^-h - 1
};
UnipcWeights UnipcOf(double h) {
  const double bh = std::expm1(-h), phi = bh / -h - 1;
  return {phi / bh, (phi / -h - 0.5) * 2 / bh, bh};
}

std::vector<SolverCall> Unipc(const std::vector<Place>& places, const SamplerSettings& settings) {
  const size_t steps = places.size() - 1;
  std::vector<SolverCall> calls;
  int order_before = 0;
  for (size_t k = 0; k < steps; ++k) {
    const Place &now = places[k], &next = places[k + 1];
    SolverCall call = CleanCall(static_cast<int>(k), settings.prediction, now);
    if (k > 0) {  // correct: the accepted sample follows from the one before and m0
      const Place& last = places[k - 1];
      const UnipcWeights w = UnipcOf(now.lambda - last.lambda);
      call.keep = now.noise / last.noise, call.take = 0;
      double on_new = 0.5, on_old = 0, ratio = 1;
      if (order_before == 2) {
        // rho_old + rho_new = b1, ratio rho_old + rho_new = b2
        ratio = (places[k - 2].lambda - last.lambda) / (now.lambda - last.lambda);
        on_old = (w.b1 - w.b2) / (1 - ratio);
        on_new = w.b1 - on_old;
      }
      const double scale = -now.signal * w.bh;
      call.accept[0] = scale * on_new;
      call.accept[1] = scale * (1 - on_new - on_old / ratio);
      call.accept[2] = scale * on_old / ratio;
    }
    const int order = static_cast<int>(std::min<size_t>({2, steps - k, k + 1}));
    const double weight = Weight(now, next);
    call.base = next.noise / now.noise;
    call.advance[0] = weight;
    if (order == 2) {
      const double ratio = (places[k - 1].lambda - now.lambda) / (next.lambda - now.lambda);
      call.advance[0] -= weight * 0.5 / ratio;
      call.advance[1] += weight * 0.5 / ratio;
    }
    order_before = order;
    calls.push_back(call);
  }
  return calls;
}

std::vector<SolverCall> EulerFlow(const NoiseSchedule& schedule,
                                  const TimestepSequence& timesteps) {
  std::vector<SolverCall> calls;
  const double steps = schedule.training_steps();
  for (int k = 0; k < timesteps.size(); ++k) {
    CheckRange("timestep", timesteps[k], 0, schedule.training_steps() - 1);
    SolverCall call;
    call.step = k;
    const double next = k + 1 < timesteps.size() ? timesteps[k + 1] : 0;
    call.advance[0] = (next - timesteps[k]) / steps;
    calls.push_back(call);
  }
  return calls;
}

}  // namespace

bool SolverCall::IsSimple() const {
  const auto zeros = [](const auto& list, size_t from) {
    return std::all_of(list.begin() + static_cast<int64_t>(from), list.end(),
                       [](double v) { return v == 0; });
  };
  return convert_sample == 0 && convert_output == 1 && keep == 0 && take == 1 && noise == 0 &&
         zeros(accept, 0) && zeros(advance, 1);
}

std::vector<SolverCall> MakeSolver(const NoiseSchedule& schedule, const SamplerSettings& settings,
                                   const TimestepSequence& timesteps) {
  const bool flow = settings.prediction == Prediction::kFlow;
  if (flow != (settings.method == "euler-flow") ||
      (settings.method == "plms" && settings.prediction == Prediction::kSample)) {
    throw Error(ErrorCode::kUnsupported, "sampler " + settings.method,
                std::string("does not know what to do with a prediction of ") +
                    NameOf(settings.prediction));
  }
  if (flow) return EulerFlow(schedule, timesteps);
  const std::vector<Place> places = PlacesOf(schedule, timesteps);
  if (settings.method == "ddim") return Ddim(places, settings);
  if (settings.method == "ddpm") return Ddpm(places, settings);
  if (settings.method == "plms") return Plms(places, settings);
  if (settings.method == "dpmpp-2m") return DpmSolverMultistep(places, settings);
  if (settings.method == "dpmpp-2s") return DpmSolverSinglestep(places, settings);
  if (settings.method == "unipc") return Unipc(places, settings);
  TMPQ_CHECK(false, "unknown sampler " + settings.method);
}

}  // namespace tmpq
