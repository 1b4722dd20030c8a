#include "src/eval/driver/sampling_times.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "kernels/include/kernels.h"
#include "src/runtime/working_memory.h"

namespace tmpq {
namespace {

constexpr int kRepetitions = 2;

int ThreadsOf(const SearchSession& session) {
  if (session.device != nullptr) return 1;
  return session.threads > 0 ? session.threads : omp_get_max_threads();
}

int64_t SamplesAtATime(const SearchBench& bench, const SearchSession& session) {
  return std::min<int64_t>(ThreadsOf(session) * session.batch,
                           bench.evaluator_settings().report_samples);
}

}  // namespace

int64_t TimedSamples(const SearchBench& bench, const SearchSession& session) {
  return kRepetitions * SamplesAtATime(bench, session);
}

SamplingTimes TimeSampling(const std::vector<NamedCandidate>& candidates, const SearchBench& bench,
                           const SearchSession& session, RuntimeEvaluator& evaluator) {
  using Clock = std::chrono::steady_clock;
  SamplingTimes times;
  times.threads = ThreadsOf(session), times.batch = session.batch;
  times.samples = SamplesAtATime(bench, session);
  if (session.device != nullptr) {
    times.executor = session.device->name();
  } else {
    times.executor = (session.kernels != nullptr ? *session.kernels : kernels::BestKernels()).name;
    times.working_bytes = WorkingBytes(
        bench.sampler().network(), session.batch * bench.sampler().calls_per_step(), times.threads);
  }
  std::map<std::string, double> least;  // by the candidate's bytes
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    std::map<std::string, double> now;
    for (const auto& [name, candidate] : candidates) {
      if (now.count(candidate.bytes()) > 0) continue;
      const auto begin = Clock::now();
      evaluator.Sample(candidate, RandomPurpose::kReportNoise, times.samples);
      const std::chrono::duration<double, std::milli> taken = Clock::now() - begin;
      now[candidate.bytes()] = taken.count() / static_cast<double>(times.samples);
    }
    for (const auto& [bytes, milliseconds] : now) {
      const auto [place, is_new] = least.try_emplace(bytes, milliseconds);
      if (!is_new) place->second = std::min(place->second, milliseconds);
    }
  }
  for (const auto& [name, candidate] : candidates) {
    times.milliseconds[name] = least.at(candidate.bytes());
  }
  return times;
}

Json SamplingTimesToJson(const SamplingTimes& times) {
  Json json = {{"executor", times.executor},
               {"threads", times.threads},
               {"batch", times.batch},
               {"samples", times.samples},
               {"milliseconds_per_sample", times.milliseconds}};
  if (times.working_bytes > 0) json["working_bytes"] = times.working_bytes;
  return json;
}

SamplingTimes SamplingTimesFromJson(const Json& json, const std::string& where) {
  SamplingTimes times;
  times.executor = JsonGet<std::string>(json, "executor", where);
  times.threads = JsonGet<int>(json, "threads", where);
  times.batch = JsonGet<int64_t>(json, "batch", where);
  times.samples = JsonGet<int64_t>(json, "samples", where);
  times.milliseconds =
      JsonGet<std::map<std::string, double>>(json, "milliseconds_per_sample", where);
  if (json.contains("working_bytes")) {
    times.working_bytes = JsonGet<int64_t>(json, "working_bytes", where);
  }
  return times;
}

std::string SamplingTimesText(const SamplingTimes& times, const std::vector<std::string>& names) {
  if (times.executor.empty()) return "";
  char text[96];
  std::string line = "Sampling here, " + times.executor + ", " + std::to_string(times.threads) +
                     (times.threads == 1 ? " thread, " : " threads, ") +
                     std::to_string(times.samples) + " at a time, ms a sample:";
  for (const std::string& name : names) {
    const auto found = times.milliseconds.find(name);
    if (found == times.milliseconds.end()) continue;
    std::snprintf(text, sizeof(text), "  %s %.3g", name.c_str(), found->second);
    line += text;
  }
  if (times.working_bytes > 0) {
    std::snprintf(text, sizeof(text), "; %.3g MB of memory beside the weights",
                  1e-6 * static_cast<double>(times.working_bytes));
    line += text;
  }
  return line + ".\n";
}

}  // namespace tmpq
