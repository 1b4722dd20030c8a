#include "src/eval/study/proxy_study.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/study/study_outputs.h"
#include "src/metrics/rank_correlation.h"

namespace tmpq {
namespace {

constexpr int kFewestCandidates = 5;  // that have a rank correlation
constexpr int kMostCandidates = 10'000;
constexpr int kMostSamples = 1'000'000;

void CheckSizes(const std::string& name, std::vector<int>& sizes, int target) {
  if (sizes.empty()) throw Error(ErrorCode::kUsage, name, "is empty", "for example 8,16,32");
  std::sort(sizes.begin(), sizes.end());
  for (const int size : sizes) CheckRange(name, size, 2, target);
  if (std::adjacent_find(sizes.begin(), sizes.end()) != sizes.end()) {
    throw Error(ErrorCode::kUsage, name, "names a number twice");
  }
}

std::vector<int64_t> Long(const std::vector<int>& values) { return {values.begin(), values.end()}; }

// Naive and other uniform candidates that fit, then random ones or mutants.
std::vector<StudyCandidate> Draw(const SearchBench& bench, int count, double mutation) {
  std::vector<StudyCandidate> drawn;
  const auto add = [&](const std::string& name, const Candidate& candidate) {
    const bool is_new = std::none_of(drawn.begin(), drawn.end(), [&](const StudyCandidate& other) {
      return other.candidate == candidate;
    });
    if (is_new) drawn.push_back({name, candidate, bench.space().CostsOf(candidate), {}});
    return is_new;
  };
  for (const Candidate& candidate : bench.UniformCandidates()) {
    const size_t number = drawn.size();
    add(number == 0 ? "naive" : "uniform-" + std::to_string(number), candidate);
  }
  RandomStream random(bench.config().seed, RandomPurpose::kProposal);
  for (int i = 0, tries = 0; i < count; ++tries) {
    if (tries > 100 * count) {
      throw Error(ErrorCode::kUsage, "candidates", "are more than the space has to draw",
                  "fewer candidates, or more bit-widths");
    }
    const SearchSpace& space = bench.space();
    const Candidate candidate =
        mutation > 0 ? space.Mutate(space.NearUniform(), mutation, random) : space.Random(random);
    if (add((mutation > 0 ? "mutant-" : "random-") + std::to_string(i), candidate)) ++i;
  }
  return drawn;
}

using Rows = std::vector<size_t>;

std::vector<double> ColumnOf(const ProxyStudy& study, const std::string& name, const Rows& rows) {
  std::vector<double> column;
  for (const size_t row : rows) column.push_back(study.candidates[row].measurements.at(name));
  return column;
}

// A metric that is not defined for some candidate orders nothing.
bool HasNan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

void Correlate(ProxyStudy& study, const ProxyLadder& ladder, int64_t n, const ProxyLadder& target,
               const Rows& all, const Rows& better) {
  const std::string small = ProxyName(ladder.metric, n),
                    large = ProxyName(target.metric, target.target);
  const auto a = ColumnOf(study, small, all), b = ColumnOf(study, large, all);
  if (HasNan(a) || HasNan(b)) return;
  study.correlations.push_back(
      {ladder.metric, target.metric, n, target.target, EstimateSpearman(a, b),
       EstimateKendall(a, b),
       EstimateSpearman(ColumnOf(study, small, better), ColumnOf(study, large, better))});
}

// Each metric against itself, then against what a plan is chosen by.
void CorrelateAll(ProxyStudy& study) {
  const auto distance =
      std::find_if(study.ladders.begin(), study.ladders.end(),
                   [](const ProxyLadder& ladder) { return ladder.metric == kDistance; });
  Rows all(study.candidates.size());
  std::iota(all.begin(), all.end(), 0);
  const auto distances = ColumnOf(study, ProxyName(kDistance, distance->target), all);
  Rows better = all;
  std::stable_sort(better.begin(), better.end(),
                   [&](size_t i, size_t j) { return distances[i] < distances[j]; });
  better.resize(std::max<size_t>(kFewestCandidates, better.size() / 2));
  for (const ProxyLadder& ladder : study.ladders) {
    for (const int64_t n : ladder.sizes) Correlate(study, ladder, n, ladder, all, better);
    if (ladder.metric == kDistance) continue;
    for (const int64_t n : ladder.sizes) Correlate(study, ladder, n, *distance, all, better);
    Correlate(study, ladder, ladder.target, *distance, all, better);
  }
}

void Measure(ProxyStudy& study, SearchBench& bench, Journal& journal,
             const SearchSession& session) {
  ImageProgress images(*session.progress);
  ProxyEvaluator evaluator(bench, study.ladders, images);
  JournaledEvaluator journaled(evaluator, journal, 1);
  int64_t done = 0;
  const auto count = static_cast<int64_t>(study.candidates.size());
  session.progress->Begin(
      "measuring candidates",
      count * (evaluator.SamplesAt(Fidelity::kMetrics) + evaluator.SamplesAt(Fidelity::kReport)),
      "images");
  for (const Fidelity fidelity : {Fidelity::kMetrics, Fidelity::kReport}) {
    for (StudyCandidate& candidate : study.candidates) {
      images.Set(done);
      const auto answer = journaled.Evaluate({&candidate.candidate, 1}, fidelity);
      candidate.measurements.insert(answer.front().begin(), answer.front().end());
      done += evaluator.SamplesAt(fidelity);
      session.progress->Update(done, candidate.name);
    }
  }
  session.progress->End();
}

}  // namespace

void ProxyStudyConfig::Validate() {
  search.Validate();
  CheckRange("candidates", candidates, kFewestCandidates, kMostCandidates);
  CheckRange("mutation", mutation, 0, 1);
  CheckRange("pair_target", pair_target, 2, kMostSamples);
  CheckRange("metric_target", metric_target, 2, kMostSamples);
  CheckSizes("pair_samples", pair_samples, pair_target);
  CheckSizes("metric_samples", metric_samples, metric_target);
}

ProxyStudy RunProxyStudy(const ProxyStudyConfig& config, const SearchSession& session) {
  const auto begin = std::chrono::steady_clock::now();
  ProxyStudy study;
  study.config = config;
  study.config.Validate();
  SearchBench bench(study.config.search, session);
  PrepareRunFolder(session, {kJournalName, kStudyJsonName, kStudyFileName});
  const JournalHeader header{ConfigText(study.config), bench.hashes(), GitRevision()};
  const auto journal = OpenJournal(session.out / kJournalName, header, session.resume);
  bench.OpenSampler();
  bench.OpenReference();
  bench.OpenSupernet();
  study.model = bench.model().name;
  study.feature_net = bench.feature_net();
  study.reference = bench.reference();
  study.budget = bench.budget().limits();
  study.hashes = bench.hashes();
  study.ladders = LaddersOf(bench, Long(study.config.pair_samples), study.config.pair_target,
                            Long(study.config.metric_samples), study.config.metric_target);
  study.candidates = Draw(bench, study.config.candidates, study.config.mutation);
  Measure(study, bench, *journal, session);
  CorrelateAll(study);
  study.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  WriteStudy(study, session.out);
  return study;
}

}  // namespace tmpq
