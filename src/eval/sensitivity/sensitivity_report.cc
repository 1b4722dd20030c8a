#include "src/eval/sensitivity/sensitivity_report.h"

#include <algorithm>
#include <cstdio>

namespace tmpq {
namespace {

constexpr size_t kShownSites = 12;

template <typename... Values>
std::string Format(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

// Rows of all timesteps at one width, the largest squared error first.
std::vector<const SensitivityRow*> Ranked(const SensitivityTable& table, BitWidth width) {
  const size_t error = table.MetricIndex(kSquaredError);
  std::vector<const SensitivityRow*> rows;
  for (const SensitivityRow& row : table.rows) {
    if (row.range == SensitivityRow::kAllRanges && row.width == width) rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const auto* a, const auto* b) {
    return a->changes[error].value > b->changes[error].value;
  });
  return rows;
}

// The narrowest that was measured.
BitWidth Narrowest(const SensitivityTable& table) {
  BitWidth width;
  for (const SensitivityRow& row : table.rows) width = std::min(width, row.width);
  return width;
}

// The change in each range, against the mean over them: where in time a site is sensitive.
std::string RangesOf(const SensitivityTable& table, const SensitivityRow& of) {
  const size_t error = table.MetricIndex(kSquaredError);
  std::string text;
  for (const SensitivityRow& row : table.rows) {
    if (row.site != of.site || row.width != of.width || row.range < 0) continue;
    text += Format(" %9.2e", row.changes[error].value);
  }
  return text;
}

std::string InfluenceText(const SensitivityTable& table, BitWidth width) {
  const GroupInfluence influence = InfluenceOf(table, width);
  std::string text = Format(
      "\nShare of each layer group in a metric's change, all sites at %s bits"
      " one by one:\n%-19s",
      width.Name().c_str(), "");
  for (const size_t m : influence.metrics) text += "  " + table.metrics[m].name;
  text += "\n";
  for (size_t g = 0; g < influence.groups.size(); ++g) {
    text += Format("%-19s", NameOf(influence.groups[g]));
    for (size_t i = 0; i < influence.metrics.size(); ++i) {
      text += Format("  %*.3f", static_cast<int>(table.metrics[influence.metrics[i]].name.size()),
                     influence.shares[g][i]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

GroupInfluence InfluenceOf(const SensitivityTable& table, BitWidth width) {
  GroupInfluence influence;
  for (size_t m = 0; m < table.metrics.size(); ++m) {
    const std::string& name = table.metrics[m].name;
    const bool has_sign = name == kPsnr || name == kTextSimilarity || name == kTextAlignment ||
                          name == kFrameDifference;
    if (!has_sign) influence.metrics.push_back(m);
  }
  for (int g = 0; g <= static_cast<int>(LayerGroup::kEmbedding); ++g) {
    std::vector<double> sums(influence.metrics.size(), 0);
    bool measured = false;
    for (const SensitivityRow& row : table.rows) {
      const bool counts = table.sites[row.site].group == static_cast<LayerGroup>(g) &&
                          row.range == SensitivityRow::kAllRanges && row.width == width;
      if (!counts) continue;
      measured = true;
      for (size_t i = 0; i < sums.size(); ++i) {
        sums[i] += std::max(0.0, row.changes[influence.metrics[i]].value);
      }
    }
    if (!measured) continue;
    influence.groups.push_back(static_cast<LayerGroup>(g));
    influence.shares.push_back(std::move(sums));
  }
  for (size_t i = 0; i < influence.metrics.size(); ++i) {
    double sum = 0;
    for (const auto& shares : influence.shares) sum += shares[i];
    for (auto& shares : influence.shares) shares[i] = sum > 0 ? shares[i] / sum : 0;
  }
  return influence;
}

std::string TextOf(const SensitivityRun& run) {
  const SensitivityTable& table = run.table;
  const size_t error = table.MetricIndex(kSquaredError);
  const BitWidth narrowest = Narrowest(table);
  const bool ranges = table.range_begins.size() > 1;
  std::string text = Format(
      "%s: squared error of the base %.3g, %lld samples. Most sensitive at %s "
      "bits, change of the squared error%s:\n",
      table.model.c_str(), table.base_values[error].value, static_cast<long long>(table.samples),
      narrowest.Name().c_str(), ranges ? ", and of each range alone from the clean end" : "");
  const auto ranked = Ranked(table, narrowest);
  for (size_t i = 0; i < std::min(kShownSites, ranked.size()); ++i) {
    const SensitivityRow& row = *ranked[i];
    text += Format("  %-36s %9.2e +- %7.1e ", table.sites[row.site].name.c_str(),
                   row.changes[error].value, row.changes[error].standard_error) +
            RangesOf(table, row) + "\n";
  }
  text += InfluenceText(table, narrowest);
  text += Format(
      "\n%lld probes, %lld of the answers from the journal; %lld network calls of one "
      "sample here, %lld without reuse.\n",
      static_cast<long long>(run.probes), static_cast<long long>(run.resumed),
      static_cast<long long>(run.calls), static_cast<long long>(run.calls_without_reuse));
  return text;
}

Json ToJson(const SensitivityRun& run) {
  const SensitivityTable& table = run.table;
  const BitWidth narrowest = Narrowest(table);
  const GroupInfluence influence = InfluenceOf(table, narrowest);
  Json shares = Json::object();
  for (size_t g = 0; g < influence.groups.size(); ++g) {
    for (size_t i = 0; i < influence.metrics.size(); ++i) {
      shares[NameOf(influence.groups[g])][table.metrics[influence.metrics[i]].name] =
          influence.shares[g][i];
    }
  }
  Json sites = Json::array();
  for (const SensitivityRow* row : Ranked(table, narrowest)) {
    Json site = {{"site", table.sites[row->site].name}};
    for (size_t m = 0; m < table.metrics.size(); ++m) {
      site[table.metrics[m].name] = {{"change", row->changes[m].value},
                                     {"standard_error", row->changes[m].standard_error}};
    }
    sites.push_back(std::move(site));
  }
  return {{"model", table.model},       {"bits", narrowest.bits()},
          {"samples", table.samples},   {"sites", sites},
          {"group_shares", shares},     {"hashes", table.hashes},
          {"probes", run.probes},       {"resumed", run.resumed},
          {"network_calls", run.calls}, {"network_calls_without_reuse", run.calls_without_reuse}};
}

}  // namespace tmpq
