#include "bench/worker_bench.h"

#include <chrono>
#include <cstdio>
#include <limits>

#include "bench/temporary_folder.h"
#include "bench/worker_simulation.h"
#include "src/eval/journal/journal.h"
#include "src/eval/journal/record_text.h"
#include "src/eval/workers/protocol.h"

namespace tmpq {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kUsualLateness = 2;
constexpr double kLatenesses[] = {1, 1.5, 2, 3, 4, kNever};
constexpr int kGenerationSizes[] = {50, 1000};
// What is not measured: a message of an Ethernet's MPI, and a network call until a copy stops.
constexpr double kLatencySeconds = 50e-6;
constexpr double kStopShare = 0.02;  // of an evaluation
constexpr double kPollSeconds = 500e-6;

struct Workload {
  const char* name;
  double candidate_spread, run_spread;
  int stragglers;
};
constexpr Workload kWorkloads[] = {
    {"equal", 0, 0, 0},
    {"candidates differ", 0.5, 0, 0},
    {"candidates and runs differ", 0.5, 0.5, 0},
    {"candidates differ, one worker 10x slower", 0.5, 0, 1},
};

double SecondsOf(int repetitions, const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < repetitions; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() /
         repetitions;
}

// A candidate of the size of a bundled transformer's: 20 steps, a policy for each of 4 ranges.
Candidate UsualCandidate() {
  constexpr int kSteps = 20, kSites = 150, kRanges = 4;
  std::vector<int> timesteps;
  std::vector<Policy> policies;
  for (int k = 0; k < kSteps; ++k) {
    timesteps.push_back(999 - 50 * k);
    policies.push_back(Policy(kSites, BitWidth::Of(3 + k * kRanges / kSteps)));
  }
  return Candidate::Make(TimestepSequence(timesteps, 1000), policies);
}

SimulatedCosts MeasureCosts(double evaluation_seconds) {
  const Candidate candidate = UsualCandidate();
  const Measurements answer = {{"trajectory_error", 0.012345678901234567}};
  SimulatedCosts costs;
  costs.message_seconds =
      SecondsOf(
          500,
          [&] {
            EncodeMessage({.kind = MessageKind::kTask, .content = CandidateToJson(candidate)});
            const JobMessage back = DecodeMessage(EncodeMessage(
                {.kind = MessageKind::kAnswer, .content = MeasurementsToJson(answer)}));
            MeasurementsFromJson(back.content, "an answer");
          }) /
      2;
  const TemporaryFolder folder;
  const auto journal = Journal::Create(folder.path() / kJournalName, {"", {}, ""});
  const auto append = [&](int count) {
    const JournalRecord record{Fidelity::kTrajectory, candidate.hash(), CandidateToJson(candidate),
                               answer};
    journal->Append(std::vector<JournalRecord>(count, record));
  };
  constexpr int kMany = 64;
  const double one = SecondsOf(50, [&] { append(1); }),
               many = SecondsOf(50, [&] { append(kMany); });
  costs.record_seconds = std::max(0.0, (many - one) / (kMany - 1));
  costs.append_seconds = std::max(0.0, one - costs.record_seconds);
  costs.latency_seconds = kLatencySeconds;
  costs.poll_seconds = kPollSeconds;
  costs.stop_seconds = kStopShare * evaluation_seconds;
  return costs;
}

class WorkerBench {
 public:
  WorkerBench(const WorkerBenchSettings& settings, Progress& progress)
      : settings_(settings),
        progress_(progress),
        costs_(MeasureCosts(settings.evaluation_seconds)) {}

  Json Run() {
    const auto rows =
        std::size(kGenerationSizes) * std::size(kWorkloads) * settings_.workers.size();
    progress_.Begin("simulating", static_cast<int64_t>(rows), "numbers of workers");
    Json scaling = Json::array(), lateness = Json::array();
    int64_t done = 0;
    for (const int size : kGenerationSizes) {
      for (const Workload& workload : kWorkloads) {
        for (const int workers : settings_.workers) {
          scaling.push_back(Row(workload, size, workers, {kNever, kUsualLateness}));
          progress_.Update(++done);
        }
        lateness.push_back(
            Row(workload, size, size / 10, {std::begin(kLatenesses), std::end(kLatenesses)}));
      }
    }
    progress_.End();
    return {{"evaluation_seconds", settings_.evaluation_seconds},
            {"seeds", settings_.seeds},
            {"costs",
             {{"message_seconds", costs_.message_seconds},
              {"append_seconds", costs_.append_seconds},
              {"record_seconds", costs_.record_seconds},
              {"latency_seconds", costs_.latency_seconds},
              {"poll_seconds", costs_.poll_seconds},
              {"stop_seconds", costs_.stop_seconds}}},
            {"scaling", scaling},
            {"lateness", lateness}};
  }

 private:
  // Means over the seeds, by lateness.
  Json Row(const Workload& workload, int size, int workers, const std::vector<double>& latenesses) {
    SimulatedWork work;
    work.generation_size = size;
    work.evaluation_seconds = settings_.evaluation_seconds;
    work.candidate_spread = workload.candidate_spread;
    work.run_spread = workload.run_spread;
    work.stragglers = workers > 1 ? workload.stragglers : 0;
    Json row = {{"workload", workload.name}, {"generation_size", size}, {"workers", workers}};
    double bound = 0;
    Json by_lateness = Json::array();
    for (const double late : latenesses) {
      double efficiency = 0, evaluations = 0;
      bound = 0;
      for (int seed = 0; seed < settings_.seeds; ++seed) {
        work.seed = seed;
        const SimulatedRun run = SimulateSearch(workers, late, work, costs_);
        efficiency += run.efficiency() / settings_.seeds;
        bound += run.ideal_seconds / run.bound_seconds / settings_.seeds;
        evaluations += static_cast<double>(run.evaluations) / settings_.seeds;
      }
      by_lateness.push_back(
          {{"late_factor", late == kNever ? Json() : Json(late)},
           {"efficiency", efficiency},
           {"evaluations_begun", evaluations / (work.generation_size * work.generations)}});
    }
    row["bound"] = bound;
    row["runs"] = by_lateness;
    return row;
  }

  WorkerBenchSettings settings_;
  Progress& progress_;
  SimulatedCosts costs_;
};

std::string Percent(const Json& share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %%", 100 * share.get<double>());
  return text;
}

}  // namespace

Json BenchWorkers(const WorkerBenchSettings& settings, Progress& progress) {
  return WorkerBench(settings, progress).Run();
}

std::string WorkerBenchText(const Json& result) {
  const auto milliseconds = [&](const char* name) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3g ms", 1e3 * result["costs"][name].get<double>());
    return std::string(text);
  };
  std::string text =
      "Rank 0: " + milliseconds("message_seconds") + " a message, " +
      milliseconds("append_seconds") + " an append and " + milliseconds("record_seconds") +
      " a record of it (measured); network: " + milliseconds("latency_seconds") + " (assumed).\n";
  std::string heading;
  for (const Json& row : result["scaling"]) {
    const std::string own = "Generations of " + row["generation_size"].dump() + ", " +
                            row["workload"].get<std::string>();
    if (own != heading) {
      heading = own;
      text += "\n" + own +
              "\n\n| workers | most that is possible | nothing twice | late ones twice | "
              "evaluations begun |\n|---|---|---|---|---|\n";
    }
    text += "| " + row["workers"].dump() + " | " + Percent(row["bound"]) + " | " +
            Percent(row["runs"][0]["efficiency"]) + " | " + Percent(row["runs"][1]["efficiency"]) +
            " | " + Percent(row["runs"][1]["evaluations_begun"]) + " |\n";
  }
  text +=
      "\nWhen a candidate counts as late, in medians: efficiency / evaluations begun\n\n"
      "| generations of | workers | evaluations |";
  for (const double late : kLatenesses) {
    text += late == kNever ? " never |" : " " + Json(late).dump() + " |";
  }
  text += "\n|---|---|---|---|---|---|---|---|---|\n";
  for (const Json& row : result["lateness"]) {
    text += "| " + row["generation_size"].dump() + " | " + row["workers"].dump() + " | " +
            row["workload"].get<std::string>() + " |";
    for (const Json& run : row["runs"]) {
      text += " " + Percent(run["efficiency"]) + " / " + Percent(run["evaluations_begun"]) + " |";
    }
    text += "\n";
  }
  return text;
}

}  // namespace tmpq
