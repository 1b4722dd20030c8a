#include "src/eval/study/study_outputs.h"

#include <cstdio>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/results/estimate_json.h"
#include "src/eval/results/hdf5_file.h"

namespace tmpq {
namespace {

void WriteCandidates(Hdf5Writer& file, const ProxyStudy& study) {
  std::vector<std::string> names, hashes;
  std::vector<double> bitops;
  for (const StudyCandidate& candidate : study.candidates) {
    names.push_back(candidate.name);
    hashes.push_back(candidate.candidate.hash().Hex());
    bitops.push_back(candidate.costs.bitops);
  }
  file.Write("/candidates/name", names);
  file.Write("/candidates/hash", hashes);
  file.Write("/candidates/bitops", bitops, {static_cast<int64_t>(bitops.size())},
             "bit operations per sample");
}

void WriteMetric(Hdf5Writer& file, const ProxyStudy& study, const ProxyLadder& ladder) {
  const std::string group = "/metrics/" + ladder.metric;
  std::vector<double> values, targets;
  for (const StudyCandidate& candidate : study.candidates) {
    for (const int64_t n : ladder.sizes) {
      values.push_back(candidate.measurements.at(ProxyName(ladder.metric, n)));
    }
    targets.push_back(candidate.measurements.at(ProxyName(ladder.metric, ladder.target)));
  }
  const auto count = static_cast<int64_t>(study.candidates.size());
  const std::string units = ladder.metric == kPsnrToFloat ? "dB" : "1";
  file.Write(group + "/values", values, {count, static_cast<int64_t>(ladder.sizes.size())}, units);
  file.SetAttribute(group + "/values", "samples", ladder.sizes);
  file.Write(group + "/target", targets, {count}, units);
  file.SetAttribute(group + "/target", "samples", ladder.target);
}

void WriteEstimates(Hdf5Writer& file, const ProxyStudy& study, const std::string& group,
                    Estimate ProxyCorrelation::*member) {
  std::vector<double> value, low, high;
  for (const ProxyCorrelation& row : study.correlations) {
    const Estimate& estimate = row.*member;
    value.push_back(estimate.value), low.push_back(estimate.low), high.push_back(estimate.high);
  }
  const auto count = static_cast<int64_t>(value.size());
  file.Write(group + "/value", value, {count}, "1");
  file.Write(group + "/low", low, {count}, "1");
  file.Write(group + "/high", high, {count}, "1");
}

void WriteCorrelations(Hdf5Writer& file, const ProxyStudy& study) {
  std::vector<std::string> metrics, targets;
  std::vector<int64_t> sizes, target_sizes;
  for (const ProxyCorrelation& row : study.correlations) {
    metrics.push_back(row.metric), targets.push_back(row.target);
    sizes.push_back(row.n), target_sizes.push_back(row.target_n);
  }
  const auto count = static_cast<int64_t>(sizes.size());
  file.Write("/correlations/metric", metrics);
  file.Write("/correlations/target", targets);
  file.Write("/correlations/samples", sizes, {count}, "1");
  file.Write("/correlations/target_samples", target_sizes, {count}, "1");
  WriteEstimates(file, study, "/correlations/spearman", &ProxyCorrelation::spearman);
  WriteEstimates(file, study, "/correlations/kendall", &ProxyCorrelation::kendall);
  WriteEstimates(file, study, "/correlations/spearman_better_half",
                 &ProxyCorrelation::spearman_better_half);
}

std::string Serialize(const ProxyStudy& study) {
  Hdf5Writer file;
  file.SetAttribute("/", "schema", std::string("tmpq-proxies"));
  file.SetAttribute("/", "schema_version", kStudySchemaVersion);
  file.WriteText("/config", ConfigText(study.config));
  file.MakeGroup("/provenance");
  for (const auto& [name, hash] : study.hashes) file.SetAttribute("/provenance", name, hash);
  file.SetAttribute("/provenance", "program", std::string("tmpq-eval ") + Version());
  file.SetAttribute("/provenance", "git_revision", std::string(GitRevision()));
  file.SetAttribute("/provenance", "model_name", study.model);
  WriteCandidates(file, study);
  for (const ProxyLadder& ladder : study.ladders) WriteMetric(file, study, ladder);
  WriteCorrelations(file, study);
  return file.Serialize();
}

}  // namespace

Json StudyToJson(const ProxyStudy& study) {
  Json rows = Json::array();
  for (const ProxyCorrelation& row : study.correlations) {
    rows.push_back({{"metric", row.metric},
                    {"n", row.n},
                    {"target", row.target},
                    {"target_n", row.target_n},
                    {"spearman", EstimateToJson(row.spearman)},
                    {"kendall", EstimateToJson(row.kendall)},
                    {"spearman_better_half", EstimateToJson(row.spearman_better_half)}});
  }
  Json names = Json::array();
  for (const StudyCandidate& candidate : study.candidates) names.push_back(candidate.name);
  return {{"format", "tmpq-proxies-1"},
          {"model", study.model},
          {"budget", study.budget},
          {"config", ConfigText(study.config)},
          {"candidates", std::move(names)},
          {"feature_net",
           {{"name", study.feature_net},
            {"hash", study.hashes.at("feature_net")},
            {"reference", study.reference}}},
          {"correlations", std::move(rows)},
          {"seconds", study.seconds}};
}

std::string TableOf(const ProxyStudy& study) {
  const auto text_of = [](const Estimate& estimate) {
    char text[64];
    std::snprintf(text, sizeof(text), "%5.2f [%5.2f, %5.2f]", estimate.value, estimate.low,
                  estimate.high);
    return std::string(text);
  };
  char line[192];
  std::snprintf(line, sizeof(line), "%-29s %5s  %-9s %5s  %-22s %-22s %s\n", "metric", "n",
                "against", "n", "Spearman", "Kendall", "Spearman, better half");
  std::string text = line;
  for (const ProxyCorrelation& row : study.correlations) {
    std::snprintf(line, sizeof(line), "%-29s %5lld  %-9s %5lld  %-22s %-22s %s\n",
                  row.metric.c_str(), static_cast<long long>(row.n),
                  row.target == row.metric ? "itself" : row.target.c_str(),
                  static_cast<long long>(row.target_n), text_of(row.spearman).c_str(),
                  text_of(row.kendall).c_str(), text_of(row.spearman_better_half).c_str());
    text += line;
  }
  return text + "Over " + std::to_string(study.candidates.size()) +
         " candidates that fit the budget, 95 % intervals; small n and large n on different "
         "noise.\n";
}

void WriteStudy(const ProxyStudy& study, const std::filesystem::path& folder) {
  WriteFileAtomically(folder / kStudyFileName, Serialize(study));
  WriteFileAtomically(folder / kStudyJsonName, StudyToJson(study).dump(2) + "\n");
}

}  // namespace tmpq
