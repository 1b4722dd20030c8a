#include "src/eval/files/file_metrics.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "src/core/error.h"
#include "src/eval/results/estimate_json.h"

namespace tmpq {
namespace {

constexpr const char* kDelta = "delta_";

const char* TextOf(MetricNeeds needs) {
  switch (needs) {
    case MetricNeeds::kFeatures:
      return "features";
    case MetricNeeds::kSpatialFeatures:
      return "spatial features";
    case MetricNeeds::kLogits:
      return "logits";
    case MetricNeeds::kPairs:
      return "pairs";
    case MetricNeeds::kPairedFeatures:
    case MetricNeeds::kFeatureMaps:
      return "pairs, --feature-net";
    case MetricNeeds::kEncoder:
      return "texts, --text-encoder";
    case MetricNeeds::kRewardModel:
      return "texts, --reward-model";
    case MetricNeeds::kRewardPairs:
      return "pairs, texts, --reward-model";
    case MetricNeeds::kJudge:
      return "texts, --judge";
    case MetricNeeds::kImages:
      return "images";
    case MetricNeeds::kClips:
      return "clips";
    case MetricNeeds::kFrameFeatures:
      return "clips, --frame-net";
  }
  return "";
}

// What results are called where a published network made the features.
struct PublishedName {
  PublishedNetwork network;
  const char *ours, *published;
};
constexpr PublishedName kPublishedNames[] = {
    {PublishedNetwork::kInception, "fd", "fid"},
    {PublishedNetwork::kInception, "fd_infinity", "fid_infinity"},
    {PublishedNetwork::kInception, "sfd", "sfid"},
    {PublishedNetwork::kInception, "class_score", "inception_score"},
    {PublishedNetwork::kI3d, "fd", "fvd"},
    {PublishedNetwork::kI3d, "fd_infinity", "fvd_infinity"},
    {PublishedNetwork::kI3d, "fd_float", "fvd_float"}};

std::string NameOfResult(const std::string& name, const Measurer& all) {
  for (const PublishedName& known : kPublishedNames) {
    if (name == known.ours && all.published() == known.network) return known.published;
  }
  return name;
}

const MetricRow* FindRow(const std::string& name) {
  for (const MetricRow& row : MetricRows()) {
    const bool has_delta = row.measure.one_a_sample != nullptr;
    if (name == row.name || (has_delta && name == kDelta + std::string(row.name))) return &row;
  }
  return nullptr;
}

Estimate DeltaOf(const MetricRow& row, Measurer& all) {
  ComparedSamples& other = all.Paired();
  return EstimateDefinedDifference(row.measure.one_a_sample(all.samples()),
                                   row.measure.one_a_sample(other));
}

// The difference of two candidates' deltas is that of their values: the reference is the same.
std::vector<NamedValues> ColumnsOf(const MetricRow& row, const std::string& name, Measurer& all) {
  if (row.measure.one_a_sample != nullptr) {
    return {{name, row.measure.one_a_sample(all.samples())}};
  }
  if (row.measure.one_a_pair != nullptr) return {{name, row.measure.one_a_pair(all)}};
  std::vector<NamedValues> columns = row.measure.several(all);
  for (NamedValues& column : columns) column.name = name + "_" + column.name;
  return columns;
}

}  // namespace

Json MetricsToJson(const std::vector<FileMetric>& metrics) {
  Json json = Json::object();
  for (const FileMetric& metric : metrics) {
    json[metric.name] = EstimateToJson(metric.estimate);
    json[metric.name]["unit"] = metric.unit;
  }
  return json;
}

std::string FileMetricHelp() {
  std::string text;
  for (const MetricRow& row : MetricRows()) {
    std::string name = row.name;
    name.resize(std::max<size_t>(name.size(), 20), ' ');
    text += "  " + name + " " + row.description + " (" + TextOf(row.needs) + ")\n";
  }
  return text +
         "  delta_NAME           NAME of samples minus NAME of reference, paired (images or "
         "clips)\n";
}

std::vector<std::string> ResultNamesOf(const std::string& metric) {
  std::vector<std::string> names = {metric};
  for (const PublishedName& known : kPublishedNames) {
    if (metric == known.ours) names.push_back(known.published);
  }
  return names;
}

std::vector<std::string> ParseFileMetrics(const std::string& list,
                                          const std::set<std::string>& more) {
  std::vector<std::string> names;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (FindRow(name) == nullptr && more.count(name) == 0) {
      std::string known;
      for (const MetricRow& row : MetricRows()) known += std::string(row.name) + ", ";
      for (const std::string& own : more) known += own + ", ";
      throw Error(ErrorCode::kUsage, "--metrics", "\"" + name + "\" is unknown",
                  "known are " + known + "and delta_NAME for measures of single samples");
    }
    names.push_back(name);
  }
  if (names.empty()) throw Error(ErrorCode::kUsage, "--metrics", "is empty", "see --help");
  return names;
}

std::set<MetricNeeds> NeedsOf(const std::vector<std::string>& names) {
  std::set<MetricNeeds> needs;
  for (const std::string& name : names) {
    const MetricRow* row = FindRow(name);
    if (row == nullptr) continue;
    needs.insert(row->needs);
    if (name != row->name || row->needs == MetricNeeds::kFeatureMaps ||
        row->needs == MetricNeeds::kPairedFeatures || row->needs == MetricNeeds::kRewardPairs) {
      needs.insert(MetricNeeds::kPairs);
    }
  }
  return needs;
}

std::vector<FileMetric> MeasureFiles(Measurer& all, const std::vector<std::string>& names) {
  std::vector<FileMetric> metrics;
  for (const std::string& name : names) {
    const MetricRow* row = FindRow(name);
    TMPQ_CHECK(row != nullptr, "there is no metric " + name);
    if (row->measure.whole != nullptr) {
      metrics.push_back({NameOfResult(name, all), row->unit, row->measure.whole(all)});
    } else if (name != row->name) {
      metrics.push_back({name, row->unit, DeltaOf(*row, all)});
    } else {
      for (const auto& [column, values] : ColumnsOf(*row, name, all)) {
        // Of a pair, a value that is not defined means a sample that diverged.
        metrics.push_back({column, row->unit,
                           row->measure.one_a_pair != nullptr ? EstimateMean(values)
                                                              : EstimateOfDefined(values)});
      }
    }
  }
  return metrics;
}

std::vector<FileMetric> MeasureDifferences(Measurer& a, Measurer& b,
                                           const std::vector<std::string>& names) {
  std::vector<FileMetric> metrics;
  for (const std::string& name : names) {
    const MetricRow* row = FindRow(name);
    TMPQ_CHECK(row != nullptr, "there is no metric " + name);
    if (row->measure.difference != nullptr) {
      metrics.push_back({NameOfResult(name, a), row->unit, row->measure.difference(a, b)});
    } else if (row->measure.whole == nullptr) {
      const auto columns = ColumnsOf(*row, name, a), others = ColumnsOf(*row, name, b);
      for (size_t i = 0; i < columns.size(); ++i) {
        metrics.push_back({columns[i].name, row->unit,
                           EstimateDefinedDifference(columns[i].values, others[i].values)});
      }
    }
  }
  return metrics;
}

}  // namespace tmpq
