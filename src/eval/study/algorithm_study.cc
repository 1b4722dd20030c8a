#include "src/eval/study/algorithm_study.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/study/algorithm_outputs.h"

namespace tmpq {
namespace {

constexpr int kChunk = 8;  // candidates per append: what a killed study loses
constexpr double kLeastShare = 0.2, kMostShare = 1.0;  // of the space, that a replay evaluates

SpaceSettings SettingsOf(const TruthConfig& config, const SearchBench& bench) {
  SpaceSettings settings = bench.space().settings();
  settings.mode = SpaceMode::kConsistent;
  settings.steps = config.steps;
  settings.budget = Budget();
  settings.fill_budget = false;
  settings.ties = ParseSiteTies(config.ties);
  settings.group_bits = ParseBitsOfGroups(config.group_bits);
  for (const int exponent : config.exponents) {
    settings.fixed_timesteps.push_back(
        PowerTimesteps(config.steps, settings.training_steps, exponent));
  }
  return settings;
}

// Of all candidates, from the journal or anew.
std::vector<double> MeasureAll(const std::vector<Candidate>& candidates, SearchBench& bench,
                               Journal& journal, const SearchSession& session) {
  bench.OpenSampler();
  bench.OpenReference();
  bench.OpenSupernet();
  ImageProgress images(*session.progress);
  RuntimeEvaluator evaluator(bench.sampler(), bench.weights(), bench.features(), bench.statistics(),
                             bench.UniformCandidate(BitWidth::kFloatBits), candidates.front(),
                             bench.evaluator_settings(), images);
  JournaledEvaluator journaled(evaluator, journal, kChunk);
  const int64_t samples = bench.config().trajectory_samples;
  session.progress->Begin("measuring all candidates",
                          static_cast<int64_t>(candidates.size()) * samples, "images");
  std::vector<double> errors;
  for (size_t begin = 0; begin < candidates.size(); begin += kChunk) {
    images.Set(static_cast<int64_t>(begin) * samples);
    const auto chunk =
        std::span(candidates).subspan(begin, std::min<size_t>(kChunk, candidates.size() - begin));
    for (const Measurements& answer : journaled.Evaluate(chunk, Fidelity::kTrajectory)) {
      errors.push_back(answer.at(kTrajectoryError));
    }
    session.progress->Update(static_cast<int64_t>(errors.size()) * samples);
  }
  session.progress->End();
  return errors;
}

}  // namespace

TimestepSequence PowerTimesteps(int steps, int training_steps, int exponent_hundredths) {
  std::vector<int> timesteps;
  for (int k = steps - 1; k >= 0; --k) {
    const double share = std::pow((k + 1.0) / steps, exponent_hundredths / 100.0);
    // 1e-9: what is a whole number but for rounding.
    timesteps.push_back(std::max(k, static_cast<int>(training_steps * share + 1e-9) - 1));
  }
  return TimestepSequence(std::move(timesteps), training_steps);
}

void AlgorithmStudyConfig::Validate() {
  truth.search.Validate();
  CheckRange("sampling_steps", truth.steps, 1, 1000);
  ParseSiteTies(truth.ties);
  ParseBitsOfGroups(truth.group_bits);
  if (truth.exponents.empty()) throw Error(ErrorCode::kUsage, "exponents", "names no schedule");
  for (const int exponent : truth.exponents) CheckRange("exponents", exponent, 10, 400);
  for (const std::string& name : AlgorithmList()) CheckAlgorithm(name);
  CheckRange("first_seed", first_seed, 0, 1e9);
  CheckRange("seeds", seeds, 1, 1000);
  CheckRange("most_candidates", most_candidates, 1, 1'000'000);
}

std::vector<std::string> AlgorithmStudyConfig::AlgorithmList() const {
  if (algorithms == "all") return AlgorithmNames();
  std::vector<std::string> names;
  std::istringstream stream(algorithms);
  for (std::string name; std::getline(stream, name, ',');) names.push_back(name);
  if (names.empty()) throw Error(ErrorCode::kUsage, "algorithms", "names none", "names, or all");
  return names;
}

AlgorithmStudy RunAlgorithmStudy(const AlgorithmStudyConfig& config, const SearchSession& session) {
  AlgorithmStudy study;
  study.config = config;
  study.config.Validate();
  SearchBench bench(study.config.truth.search, session);
  const SpaceSettings settings = SettingsOf(study.config.truth, bench);
  CheckGroupBits(settings);
  const SearchSpace space(bench.sites(), settings);
  study.space_size = space.ExactSize();
  if (space.Log10Size() > std::log10(study.config.most_candidates)) {
    throw Error(ErrorCode::kUsage, "the space", "has " + study.space_size + " candidates",
                "at most most_candidates = " + std::to_string(study.config.most_candidates));
  }
  PrepareRunFolder(session,
                   {kJournalName, kAlgorithmsName, kAlgorithmTableName, kAlgorithmCsvName});
  const JournalHeader header{ConfigText(study.config.truth), bench.hashes(), GitRevision()};
  const auto journal = OpenJournal(session.out / kJournalName, header, session.resume);
  study.model = bench.model().name, study.hashes = bench.hashes();
  const std::vector<Candidate> candidates = space.Enumerate(study.config.most_candidates);
  study.candidates = static_cast<int64_t>(candidates.size());
  const std::vector<double> errors = MeasureAll(candidates, bench, *journal, session);
  std::vector<double> bitops;
  for (const Candidate& candidate : candidates) bitops.push_back(space.CostsOf(candidate).bitops);
  const ExhaustiveTruth truth(kTrajectoryError, candidates, errors, bitops);
  for (const size_t i : truth.front()) study.front.push_back({truth.error(i), truth.cost(i)});

  AlgorithmSettings algorithm;
  algorithm.measurement = kTrajectoryError, algorithm.costs = {kBitOps};
  algorithm.most_candidates = candidates.size();
  const std::vector<std::string> names = config.AlgorithmList();
  session.progress->Begin("replaying", static_cast<int64_t>(names.size()) * config.seeds, "runs");
  for (const std::string& name : names) {
    for (int i = 0; i < config.seeds; ++i) {
      if (session.interrupted != nullptr && session.interrupted->load()) {
        throw Error(ErrorCode::kInterrupted, "replaying", "was interrupted");
      }
      study.runs.push_back(
          Replay(name, space, algorithm, truth, config.first_seed + i,
                 std::lround(kLeastShare * static_cast<double>(candidates.size())),
                 std::lround(kMostShare * static_cast<double>(candidates.size()))));
      session.progress->Update(static_cast<int64_t>(study.runs.size()), name);
    }
  }
  session.progress->End();
  WriteAlgorithmStudy(study, session.out);
  return study;
}

}  // namespace tmpq
