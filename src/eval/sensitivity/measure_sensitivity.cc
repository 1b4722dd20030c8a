#include "src/eval/sensitivity/measure_sensitivity.h"

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/journal/journaled_evaluator.h"
#include "src/eval/sensitivity/sensitivity_file.h"
#include "src/eval/sensitivity/site_prober.h"

namespace tmpq {
namespace {

struct Probe {
  size_t site = 0;
  BitWidth width;
  Candidate candidate;
};

// Sites that meet in products; float and integer operands do not mix, so a site that leaves a float
// base takes these with it, at the widest.
std::vector<size_t> PartnersOf(const SiteTable& table, size_t site) {
  std::vector<size_t> partners;
  for (size_t s = 0; s < table.sites.size(); ++s) {
    const QuantSite &own = table.sites[site], &other = table.sites[s];
    if (own.layer == other.layer) partners.push_back(s);
  }
  return partners;
}

std::vector<Probe> ProbesOf(const SearchBench& bench, const Policy& base, const Policy& widest,
                            const TimestepSequence& timesteps) {
  std::vector<Probe> probes;
  for (size_t s = 0; s < base.size(); ++s) {
    for (const BitWidth width : bench.space().ChoicesOf(s)) {
      if (width == base[s]) continue;
      Policy policy = base;
      if (base[s].is_float()) {
        for (const size_t partner : PartnersOf(bench.sites(), s)) policy[partner] = widest[partner];
      }
      policy[s] = width;
      probes.push_back({s, width, Candidate::Uniform(timesteps, policy)});
    }
  }
  return probes;
}

std::vector<int> RangeBegins(int ranges, int training_steps) {
  const TimestepGroups groups = TimestepGroups::Make(Grouping::kUniform, ranges, training_steps);
  std::vector<int> begins;
  for (int i = 0; i < ranges; ++i) begins.push_back(groups.begin(i));
  return begins;
}

std::vector<MeanChange> ChangesOf(const SensitivityTable& table, const Measurements& measured,
                                  int range) {
  std::vector<MeanChange> changes;
  for (const SensitivityMetric& metric : table.metrics) {
    changes.push_back(GetChange(measured, MeasurementName(range, metric.name)));
  }
  return changes;
}

void AddRows(SensitivityTable& table, const Probe& probe, const Measurements& measured) {
  const int ranges = static_cast<int>(table.range_begins.size());
  for (int range = SensitivityRow::kAllRanges; range < (ranges > 1 ? ranges : 0); ++range) {
    table.rows.push_back(
        {static_cast<int>(probe.site), probe.width, range, ChangesOf(table, measured, range)});
  }
}

}  // namespace

SensitivityRun MeasureSensitivity(const SensitivityConfig& given, const SearchSession& session,
                                  bool reuse) {
  SensitivityConfig config = given;
  config.Validate();
  SearchBench bench(config.search, session);
  SensitivityRun run;
  SensitivityTable& table = run.table;
  table.config_text = ConfigText(config);
  table.training_steps = bench.schedule().training_steps();
  table.range_begins = RangeBegins(config.ranges, table.training_steps);
  table.timesteps = UniformTimesteps(config.search.steps.most, table.training_steps);
  Policy widest;
  for (size_t s = 0; s < bench.sites().sites.size(); ++s) {
    widest.push_back(bench.space().ChoicesOf(s).back());
  }
  const bool float_base = config.base == "float";
  table.base = float_base ? Policy(widest.size(), BitWidth::Float()) : widest;
  PrepareRunFolder(session, {kJournalName, kSensitivityName, kSensitivityCsvName});
  const auto journal =
      OpenJournal(session.out / kJournalName, {table.config_text, bench.hashes(), GitRevision()},
                  session.resume);
  bench.OpenSampler();
  bench.OpenSupernet();
  ProbeMetrics metrics(bench, config.metrics, !float_base);
  const Candidate base = Candidate::Uniform(table.timesteps, table.base);
  SiteProber prober(bench, metrics, {base, table.range_begins, config.samples, reuse});
  JournaledEvaluator journaled(prober, *journal, 1);
  table.model = bench.model().name;
  table.hashes = bench.hashes();
  table.sites = bench.sites().sites;
  table.samples = config.samples;
  table.metrics = metrics.metrics();
  const std::vector<Probe> probes = ProbesOf(bench, table.base, widest, table.timesteps);
  const auto count = static_cast<int64_t>(probes.size());
  session.progress->Begin("measuring sites", count, "probes");
  table.base_values = ChangesOf(table, journaled.Evaluate({&base, 1}, Fidelity::kTrajectory)[0],
                                SensitivityRow::kAllRanges);
  const int64_t before = prober.calls();
  for (const Probe& probe : probes) {
    const auto answer = journaled.Evaluate({&probe.candidate, 1}, Fidelity::kTrajectory);
    AddRows(table, probe, answer[0]);
    session.progress->Update(++run.probes,
                             table.sites[probe.site].name + " at " + probe.width.Name() + " bits");
  }
  session.progress->End();
  run.resumed = journaled.hits();
  run.calls = prober.calls();
  run.calls_without_reuse = before + count * prober.CallsOfProbe(false);
  WriteFileAtomically(session.out / kSensitivityName, SerializeSensitivity(table));
  WriteFileAtomically(session.out / kSensitivityCsvName, SensitivityCsv(table));
  return run;
}

}  // namespace tmpq
