#include "src/eval/sensitivity/sensitivity_file.h"

#include <cmath>
#include <cstdio>
#include <set>
#include <tuple>

#include "src/core/error.h"
#include "src/core/version.h"
#include "src/eval/results/hdf5_file.h"
#include "src/eval/results/hdf5_reader.h"

namespace tmpq {
namespace {

constexpr const char* kSchema = "tmpq-sensitivity";
constexpr int64_t kSchemaVersion = 1;

template <typename T, typename Get>
std::vector<T> Column(const SensitivityTable& table, Get&& get) {
  std::vector<T> column;
  for (const SensitivityRow& row : table.rows) column.push_back(get(row));
  return column;
}

void WriteSites(Hdf5Writer& file, const SensitivityTable& table) {
  std::vector<std::string> names, layers;
  std::vector<int32_t> kinds, groups, bits;
  std::vector<int64_t> elements;
  for (size_t s = 0; s < table.sites.size(); ++s) {
    const QuantSite& site = table.sites[s];
    names.push_back(site.name), layers.push_back(site.layer);
    kinds.push_back(static_cast<int32_t>(site.kind));
    groups.push_back(static_cast<int32_t>(site.group));
    elements.push_back(site.elements);
    bits.push_back(table.base[s].bits());
  }
  const auto count = static_cast<int64_t>(names.size());
  file.Write("/sites/name", names);
  file.Write("/sites/layer", layers);
  file.Write("/sites/kind", kinds, {count}, "1");
  file.Write("/sites/group", groups, {count}, "1");
  file.Write("/sites/elements", elements, {count}, "1");
  file.Write("/sites/base_bits", bits, {count}, "bits");
  std::vector<std::string> kind_names, group_names;
  for (int i = 0; i <= static_cast<int>(SiteKind::kSoftmax); ++i) {
    kind_names.push_back(NameOf(static_cast<SiteKind>(i)));
  }
  for (int i = 0; i <= static_cast<int>(LayerGroup::kEmbedding); ++i) {
    group_names.push_back(NameOf(static_cast<LayerGroup>(i)));
  }
  file.SetAttribute("/sites/kind", "enum_names", kind_names);
  file.SetAttribute("/sites/group", "enum_names", group_names);
}

// What is asked of a file, with errors that name it.
class Loader {
 public:
  explicit Loader(const std::filesystem::path& path) : path_(path), file_(path) {}

  SensitivityTable Load() {
    if (!file_.Has("/rows") || file_.Text("/", "schema") != kSchema) {
      Refuse("is no sensitivity table of tmpq-sensitivity");
    }
    if (file_.Number("/", "schema_version") != kSchemaVersion) Refuse("is of another version");
    table_.model = file_.Text("/provenance", "model_name");
    for (const std::string& name : file_.AttributesOf("/provenance")) {
      table_.hashes[name] = file_.Text("/provenance", name);
    }
    table_.config_text = file_.Strings("/config").at(0);
    LoadSites();
    LoadTimes();
    LoadRows();
    for (const std::string& name : file_.Members("/metrics")) LoadMetric(name);
    return std::move(table_);
  }

 private:
  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kInput, path_.string(), what);
  }
  std::vector<int64_t> Integers(const std::string& path, size_t count, int64_t low, int64_t high) {
    std::vector<int64_t> values = file_.Integers(path);
    if (values.size() != count) Refuse(path + " has another length than its neighbours");
    for (const int64_t value : values) {
      if (value < low || value > high) Refuse(path + " holds " + std::to_string(value));
    }
    return values;
  }

  void LoadSites() {
    const auto names = file_.Strings("/sites/name"), layers = file_.Strings("/sites/layer");
    const size_t count = names.size();
    if (layers.size() != count) Refuse("/sites/layer has another length than its neighbours");
    const auto kinds = Integers("/sites/kind", count, 0, static_cast<int>(SiteKind::kSoftmax)),
               groups =
                   Integers("/sites/group", count, 0, static_cast<int>(LayerGroup::kEmbedding)),
               elements = Integers("/sites/elements", count, 0, INT64_MAX),
               bits = Integers("/sites/base_bits", count, 2, BitWidth::kFloatBits);
    for (size_t s = 0; s < count; ++s) {
      QuantSite site;
      site.name = names[s], site.layer = layers[s];
      site.kind = static_cast<SiteKind>(kinds[s]), site.group = static_cast<LayerGroup>(groups[s]);
      site.elements = elements[s];
      table_.sites.push_back(std::move(site));
      table_.base.push_back(BitWidth::Of(static_cast<int>(bits[s])));
    }
  }

  void LoadTimes() {
    table_.training_steps = static_cast<int>(file_.Number("/steps/timesteps", "training_steps"));
    table_.samples = file_.Number("/rows", "samples");
    std::vector<int> timesteps;
    for (const int64_t t : file_.Integers("/steps/timesteps")) {
      timesteps.push_back(static_cast<int>(t));
    }
    table_.timesteps = TimestepSequence(timesteps, table_.training_steps);
    table_.range_begins.clear();
    for (const int64_t begin : file_.Integers("/ranges/begin")) {
      const bool ascends =
          table_.range_begins.empty() ? begin == 0 : begin > table_.range_begins.back();
      if (!ascends || begin >= table_.training_steps)
        Refuse("/ranges/begin does not ascend from 0");
      table_.range_begins.push_back(static_cast<int>(begin));
    }
    if (table_.range_begins.empty()) Refuse("/ranges/begin is empty");
  }

  void LoadRows() {
    const size_t count = file_.Integers("/rows/site").size();
    const auto most_site = static_cast<int64_t>(table_.sites.size()) - 1,
               most_range = static_cast<int64_t>(table_.range_begins.size()) - 1;
    const auto sites = Integers("/rows/site", count, 0, most_site),
               bits = Integers("/rows/bits", count, 2, BitWidth::kFloatBits),
               ranges = Integers("/rows/range", count, SensitivityRow::kAllRanges, most_range);
    std::set<std::tuple<int64_t, int64_t, int64_t>> seen;
    for (size_t i = 0; i < count; ++i) {
      if (!seen.insert({sites[i], bits[i], ranges[i]}).second) {
        Refuse("measures site " + table_.sites[sites[i]].name + " twice at " +
               std::to_string(bits[i]) + " bits");
      }
      table_.rows.push_back({static_cast<int>(sites[i]),
                             BitWidth::Of(static_cast<int>(bits[i])),
                             static_cast<int>(ranges[i]),
                             {}});
    }
  }

  void LoadMetric(const std::string& name) {
    const std::string group = "/metrics/" + name;
    const auto changes = file_.Doubles(group + "/change"),
               errors = file_.Doubles(group + "/standard_error"),
               base = file_.Doubles(group + "/base");
    if (changes.size() != table_.rows.size() || errors.size() != changes.size() ||
        base.size() != 2) {
      Refuse(group + " has another length than /rows");
    }
    for (size_t i = 0; i < changes.size(); ++i) {
      if (!std::isfinite(changes[i]) || !std::isfinite(errors[i])) {
        Refuse("has a " + name + " of site " + table_.sites[table_.rows[i].site].name +
               " that is no number");
      }
      table_.rows[i].changes.push_back({changes[i], errors[i]});
    }
    table_.metrics.push_back(
        {name, file_.Text(group + "/change", "units"), file_.Text(group, "meaning")});
    table_.base_values.push_back({base[0], base[1]});
  }

  std::filesystem::path path_;
  Hdf5Reader file_;
  SensitivityTable table_;
};

}  // namespace

std::string SerializeSensitivity(const SensitivityTable& table) {
  Hdf5Writer file;
  file.SetAttribute("/", "schema", std::string(kSchema));
  file.SetAttribute("/", "schema_version", kSchemaVersion);
  file.WriteText("/config", table.config_text);
  file.MakeGroup("/provenance");
  for (const auto& [name, hash] : table.hashes) file.SetAttribute("/provenance", name, hash);
  file.SetAttribute("/provenance", "program", std::string("tmpq-sensitivity ") + Version());
  file.SetAttribute("/provenance", "git_revision", std::string(GitRevision()));
  file.SetAttribute("/provenance", "model_name", table.model);
  WriteSites(file, table);
  file.Write("/steps/timesteps",
             std::vector<int32_t>(table.timesteps.values().begin(), table.timesteps.values().end()),
             {table.timesteps.size()}, "training timesteps");
  file.SetAttribute("/steps/timesteps", "training_steps", int64_t{table.training_steps});
  const auto ranges = static_cast<int64_t>(table.range_begins.size());
  file.Write("/ranges/begin",
             std::vector<int32_t>(table.range_begins.begin(), table.range_begins.end()), {ranges},
             "training timesteps");
  const auto count = static_cast<int64_t>(table.rows.size());
  file.Write("/rows/site", Column<int32_t>(table, [](const auto& row) { return row.site; }),
             {count}, "1");
  file.Write("/rows/bits", Column<int32_t>(table, [](const auto& row) { return row.width.bits(); }),
             {count}, "bits");
  file.Write("/rows/range", Column<int32_t>(table, [](const auto& row) { return row.range; }),
             {count}, "1");
  file.SetAttribute("/rows", "samples", table.samples);
  for (size_t m = 0; m < table.metrics.size(); ++m) {
    const SensitivityMetric& metric = table.metrics[m];
    const std::string group = "/metrics/" + metric.name;
    file.MakeGroup(group);
    file.SetAttribute(group, "meaning", metric.meaning);
    file.Write(group + "/change",
               Column<double>(table, [&](const auto& row) { return row.changes[m].value; }),
               {count}, metric.units);
    file.Write(
        group + "/standard_error",
        Column<double>(table, [&](const auto& row) { return row.changes[m].standard_error; }),
        {count}, metric.units);
    const MeanChange& base = table.base_values[m];
    file.Write(group + "/base", std::vector<double>{base.value, base.standard_error}, {2},
               metric.units);
  }
  return file.Serialize();
}

std::string SensitivityCsv(const SensitivityTable& table) {
  std::string text = "site,layer,kind,group,bits,range";
  for (const SensitivityMetric& metric : table.metrics) {
    text += "," + metric.name + "," + metric.name + "_se";
  }
  text += "\n";
  for (const SensitivityRow& row : table.rows) {
    const QuantSite& site = table.sites[row.site];
    text += site.name + "," + site.layer + "," + NameOf(site.kind) + "," + NameOf(site.group) +
            "," + row.width.Name() + "," +
            (row.range == SensitivityRow::kAllRanges ? "all" : std::to_string(row.range));
    for (const MeanChange& change : row.changes) {
      char cells[64];
      std::snprintf(cells, sizeof(cells), ",%.9g,%.3g", change.value, change.standard_error);
      text += cells;
    }
    text += "\n";
  }
  return text;
}

SensitivityTable ReadSensitivity(const std::filesystem::path& path) { return Loader(path).Load(); }

}  // namespace tmpq
