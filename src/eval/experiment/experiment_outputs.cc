#include "src/eval/experiment/experiment_outputs.h"

#include <limits>
#include <set>

#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/version.h"
#include "src/eval/experiment/machine.h"
#include "src/eval/results/hdf5_file.h"

namespace tmpq {
namespace {

constexpr const char* kCosts[] = {"average_weight_bits", "stored_weight_bits",
                                  "average_activation_bits", "bitops", "bytes"};
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Cells that have results, in the experiment's order, with them.
using Finished = std::vector<std::pair<const ExperimentCell*, const Json*>>;

Finished FinishedOf(const Experiment& experiment, const ExperimentResult& result) {
  Finished finished;
  for (const ExperimentCell& cell : experiment.cells) {
    const auto found = result.cells.find(cell.name());
    if (found != result.cells.end()) finished.emplace_back(&cell, &found->second);
  }
  return finished;
}

double Number(const Json& json) { return json.is_number() ? json.get<double>() : kNaN; }

std::string NumberText(const Json& json) { return json.is_number() ? json.dump() : ""; }

// CSV's quoting: row names and labels may hold commas.
std::string Quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

void WriteMetrics(Hdf5Writer& file, const Finished& finished) {
  std::map<std::string, std::string> units;
  for (const auto& [cell, result] : finished) {
    for (const auto& [name, metric] : (*result)["metrics"].items()) units[name] = metric["unit"];
  }
  const std::vector<int64_t> shape = {static_cast<int64_t>(finished.size())};
  for (const auto& [name, unit] : units) {
    for (const char* part : {"value", "low", "high"}) {
      std::vector<double> values;
      for (const auto& [cell, result] : finished) {
        const Json& metrics = (*result)["metrics"];
        values.push_back(metrics.contains(name) ? Number(metrics[name][part]) : kNaN);
      }
      file.Write("/metrics/" + name + "/" + part, values, shape, unit);
    }
  }
}

std::string Hdf5Of(const Experiment& experiment, const Finished& finished) {
  Hdf5Writer file;
  std::vector<std::string> rows, labels, models, bits;
  std::vector<int64_t> seeds;
  for (const auto& [cell, result] : finished) {
    rows.push_back(cell->row), labels.push_back(cell->config.label);
    models.push_back(cell->model), bits.push_back(cell->bits);
    seeds.push_back(static_cast<int64_t>(cell->seed));
  }
  file.MakeGroup("/cells");
  file.Write("/cells/row", rows);
  file.Write("/cells/label", labels);
  file.Write("/cells/model", models);
  file.Write("/cells/bits", bits);
  const std::vector<int64_t> shape = {static_cast<int64_t>(finished.size())};
  file.Write("/cells/seed", seeds, shape, "1");
  for (const char* name : kCosts) {
    std::vector<double> values;
    for (const auto& [cell, result] : finished) {
      values.push_back(Number((*result)["costs"].value(name, Json())));
    }
    const std::string unit = name;
    file.Write(
        "/costs/" + unit, values, shape,
        unit == "bytes" ? "bytes" : (unit == "bitops" ? "bit operations per sample" : "bits"));
  }
  WriteMetrics(file, finished);
  file.SetAttribute("/", "experiment", experiment.name);
  return file.Serialize();
}

Json ManifestOf(const Experiment& experiment, const ExperimentResult& result,
                const Finished& finished) {
  std::set<std::string> revisions;
  std::map<std::string, std::set<std::string>> hashes;
  double seconds = 0;
  for (const auto& [cell, made] : finished) {
    revisions.insert((*made)["git_revision"].get<std::string>());
    seconds += (*made)["seconds"].get<double>();
    for (const auto& [name, hash] : (*made)["hashes"].items()) {
      if (name != "supernet" && name != "calibration") hashes[name].insert(hash);
    }
  }
  return {{"experiment", experiment.name},
          {"quick", experiment.quick},
          {"version", Version()},
          {"git_revisions", revisions},
          {"cells", experiment.cells.size()},
          {"finished", finished.size()},
          {"failed", result.failures},
          {"seconds_of_all_cells", seconds},
          {"machine", DescribeMachine()},
          {"libraries", LibraryVersions()},
          {"input_hashes", hashes},
          {"own_model", ChangedText(experiment.own)},
          {"configs", experiment.texts}};
}

}  // namespace

std::string CsvOf(const Experiment& experiment, const ExperimentResult& result) {
  std::string csv = "row,label,model,bits,seed";
  for (const char* name : kCosts) csv += std::string(",") + name;
  csv += ",metric,value,low,high,n,unit\n";
  for (const auto& [cell, made] : FinishedOf(experiment, result)) {
    std::string head = cell->row + "," + Quoted(cell->config.label) + "," + cell->model + "," +
                       Quoted(cell->bits) + "," + std::to_string(cell->seed);
    for (const char* name : kCosts) head += "," + NumberText((*made)["costs"].value(name, Json()));
    for (const auto& [name, metric] : (*made)["metrics"].items()) {
      csv += head + "," + name;
      for (const char* part : {"value", "low", "high", "n"}) csv += "," + NumberText(metric[part]);
      csv += "," + metric["unit"].get<std::string>() + "\n";
    }
  }
  return csv;
}

void WriteExperiment(const Experiment& experiment, const ExperimentResult& result,
                     const std::filesystem::path& out) {
  const Finished finished = FinishedOf(experiment, result);
  PrepareFolder(out);
  WriteFileAtomically(out / "table.md", std::string_view(MarkdownOf(experiment, result)));
  WriteFileAtomically(out / "table.csv", std::string_view(CsvOf(experiment, result)));
  WriteFileAtomically(out / "table.h5", std::string_view(Hdf5Of(experiment, finished)));
  std::string cells;
  for (const auto& [cell, made] : finished) cells += made->dump() + "\n";
  WriteFileAtomically(out / kCellsName, std::string_view(cells));
  WriteFileAtomically(out / kManifestName,
                      std::string_view(ManifestOf(experiment, result, finished).dump(1) + "\n"));
}

}  // namespace tmpq
