#include "src/eval/sensitivity/sensitivity_table.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "src/core/error.h"

namespace tmpq {

bool SensitivityTable::HasMetric(const std::string& name) const {
  return std::any_of(metrics.begin(), metrics.end(),
                     [&](const SensitivityMetric& metric) { return metric.name == name; });
}

size_t SensitivityTable::MetricIndex(const std::string& name) const {
  std::string known;
  for (size_t m = 0; m < metrics.size(); ++m) {
    if (metrics[m].name == name) return m;
    known += (m == 0 ? "" : ", ") + metrics[m].name;
  }
  throw Error(ErrorCode::kUsage, "sensitivity table of " + model, "has no metric " + name,
              "it has " + known);
}

Sensitivities DamagesOf(const SensitivityTable& table, const std::vector<size_t>& metric_of_site,
                        int range, const std::vector<std::vector<BitWidth>>& choices,
                        const std::string& where) {
  if (table.range_begins.size() == 1) range = SensitivityRow::kAllRanges;
  Sensitivities damages;
  for (const SensitivityRow& row : table.rows) {
    if (row.range != range) continue;
    const MeanChange& change = row.changes[metric_of_site[row.site]];
    if (!std::isfinite(change.value) || !std::isfinite(change.standard_error)) {
      throw Error(ErrorCode::kInput, where + ": site " + table.sites[row.site].name,
                  "has a change at " + row.width.Name() + " bits that is no number");
    }
    damages[{static_cast<size_t>(row.site), row.width}] = change.value + change.standard_error;
  }
  for (size_t s = 0; s < choices.size(); ++s) {
    for (const BitWidth width : choices[s]) {
      if (choices[s].size() == 1 || width == table.base[s] || damages.count({s, width}) > 0) {
        continue;
      }
      throw Error(
          ErrorCode::kInput, where + ": site " + table.sites[s].name,
          "was not measured " + (width.is_float() ? "in float" : "at " + width.Name() + " bits"),
          "measure it with tmpq-sensitivity --bits and --activation-bits, or allocate other "
          "bit-widths");
    }
  }
  return damages;
}

std::vector<int> MeasuredBits(const SensitivityTable& table, bool of_weights) {
  std::set<int> bits;
  const auto is_asked = [&](size_t site) {
    return (table.sites[site].kind == SiteKind::kWeight) == of_weights;
  };
  for (const SensitivityRow& row : table.rows) {
    if (is_asked(row.site)) bits.insert(row.width.bits());
  }
  bool float_inputs = false;  // of integer weights, which come before them
  for (size_t s = 0; s < table.base.size(); ++s) {
    if (is_asked(s)) bits.insert(table.base[s].bits());
    float_inputs = float_inputs || (table.sites[s].kind == SiteKind::kActivation &&
                                    table.base[s].is_float() && !table.base[s - 1].is_float());
  }
  if (of_weights || !float_inputs) bits.erase(BitWidth::kFloatBits);
  return {bits.begin(), bits.end()};
}

void CheckTable(const SensitivityTable& table, const std::map<std::string, std::string>& hashes,
                const SiteTable& sites, const std::string& where) {
  for (const char* key : {"model", "recipe"}) {
    const auto found = table.hashes.find(key);
    if (found == table.hashes.end() || found->second != hashes.at(key)) {
      throw Error(ErrorCode::kInput, where, std::string("was measured with another ") + key,
                  "hash " + hashes.at(key) + " is expected, not " +
                      (found == table.hashes.end() ? "none" : found->second));
    }
  }
  bool same = table.sites.size() == sites.sites.size();
  for (size_t s = 0; same && s < sites.sites.size(); ++s) {
    same = table.sites[s].name == sites.sites[s].name;
  }
  if (!same) throw Error(ErrorCode::kInput, where, "is of a network with other sites");
}

}  // namespace tmpq
