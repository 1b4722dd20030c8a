#include "src/eval/driver/job_evaluator.h"

#include <chrono>
#include <thread>

#include "src/core/error.h"
#include "src/eval/workers/worker_pool.h"

namespace tmpq {
namespace {

// What rank 0 tells the others when the folder is ready: hashes of the artefacts, which theirs must
// equal, and names of the files that they open.
constexpr const char* kHashes = "hashes";
constexpr const char* kFiles = "files";
constexpr const char* kSetupOf = "the setup of rank 0";

// A file that one machine has made may take its time to be seen by another: shared file systems
// keep what they know of a folder for up to a minute.
constexpr std::chrono::seconds kSharedFilePatience{120};
constexpr std::chrono::milliseconds kSharedFilePoll{100};

// Late at twice the median: durations of a generation's candidates differ by their steps, seldom
// by more (results/workers).
constexpr double kLateFactor = 2;

// A rank's share: nobody watches its progress.
class RankEvaluator : public Evaluator {
 public:
  RankEvaluator(const SearchBench& bench, const std::atomic<bool>& stop)
      : images_(silent_), inner_(OpenRuntimeEvaluator(bench, &stop, images_)) {}

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override {
    return inner_->Evaluate(candidates, fidelity);
  }

 private:
  Progress silent_;
  ImageProgress images_;
  std::unique_ptr<RuntimeEvaluator> inner_;
};

TaskWork WorkOn(const SearchBench& bench, std::atomic<bool>& stop) {
  return EvaluationWork(std::make_shared<RankEvaluator>(bench, stop),
                        bench.schedule().training_steps(), bench.sites().sites.size());
}

// Files of the run's folder that a bench reads.
std::vector<std::string> BenchFiles(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().filename());
  }
  return names;
}

class JobEvaluator : public Evaluator {
 public:
  JobEvaluator(const SearchBench& bench, const SearchSession& session, ImageProgress& images)
      : runner_(WorkOn(bench, stop_), stop_),
        pool_(*session.ranks, runner_,
              {{kHashes, bench.hashes()}, {kFiles, BenchFiles(session.out)}},
              {kLateFactor, session.interrupted, [&bench, &images](Fidelity fidelity) {
                 images.Advance(SamplesOf(bench.evaluator_settings(), fidelity));
                 images.Update(0);
               }}) {}

  std::vector<Measurements> Evaluate(std::span<const Candidate> candidates,
                                     Fidelity fidelity) override {
    return pool_.Evaluate(candidates, fidelity);
  }
  void EvaluateInOrder(std::span<const Candidate> candidates, Fidelity fidelity,
                       const AnswerSink& sink) override {
    pool_.EvaluateInOrder(candidates, fidelity, sink);
  }

 private:
  std::atomic<bool> stop_{false};
  TaskRunner runner_;
  WorkerPool pool_;
};

void AwaitFiles(const std::filesystem::path& folder, const std::vector<std::string>& names) {
  const auto end = std::chrono::steady_clock::now() + kSharedFilePatience;
  for (const std::string& name : names) {
    while (!std::filesystem::exists(folder / name)) {
      if (std::chrono::steady_clock::now() > end) {
        throw Error(ErrorCode::kIo, (folder / name).string(), "is not there, but rank 0 has it",
                    "the run's folder has to be on a file system that all machines share");
      }
      std::this_thread::sleep_for(kSharedFilePoll);
    }
  }
}

// Where the machines have other files, their answers are to another question.
void CompareHashes(const std::map<std::string, std::string>& own,
                   const std::map<std::string, std::string>& expected) {
  for (const auto& [name, hash] : expected) {
    const auto found = own.find(name);
    const std::string here = found == own.end() ? "none" : found->second;
    if (here == hash) continue;
    throw Error(ErrorCode::kInput, name, "is " + here + " here and " + hash + " at rank 0",
                "all machines need the same files");
  }
}

// A bench and what works with it.
struct ServedBench {
  ServedBench(const SearchConfig& config, const SearchSession& session, const Json& setup,
              std::atomic<bool>& stop)
      : bench(config, session) {
    AwaitFiles(session.out, JsonGet<std::vector<std::string>>(setup, kFiles, kSetupOf));
    bench.OpenSampler();
    bench.OpenReference();
    bench.OpenSupernet();
    CompareHashes(bench.hashes(),
                  JsonGet<std::map<std::string, std::string>>(setup, kHashes, kSetupOf));
    work = WorkOn(bench, stop);
  }

  SearchBench bench;
  TaskWork work;
};

}  // namespace

std::unique_ptr<RuntimeEvaluator> OpenRuntimeEvaluator(const SearchBench& bench,
                                                       const std::atomic<bool>* interrupted,
                                                       ImageProgress& images) {
  EvaluatorSettings settings = bench.evaluator_settings();
  settings.interrupted = interrupted;
  return std::make_unique<RuntimeEvaluator>(
      bench.sampler(), bench.weights(), bench.features(), bench.statistics(),
      bench.UniformCandidate(BitWidth::kFloatBits), bench.space().Naive(), settings, images);
}

std::unique_ptr<Evaluator> OpenJobEvaluator(const SearchBench& bench, const SearchSession& session,
                                            ImageProgress& images) {
  return std::make_unique<JobEvaluator>(bench, session, images);
}

void ServeSearch(const SearchConfig& config, const SearchSession& session, RankServer& server) {
  SearchConfig valid = config;
  valid.Validate();
  server.Serve([&](const Json& setup, std::atomic<bool>& stop) -> TaskWork {
    const auto served = std::make_shared<ServedBench>(valid, session, setup, stop);
    return [served](const Json& task) { return served->work(task); };
  });
}

}  // namespace tmpq
