#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "src/eval/experiment/experiment_outputs.h"
#include "src/eval/files/file_metrics.h"

namespace tmpq {
namespace {

std::string Text(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

// The values of one metric by seed, in the seeds' order.
using BySeed = std::map<uint64_t, double>;

class Tables {
 public:
  Tables(const Experiment& experiment, const ExperimentResult& result)
      : experiment_(experiment), result_(result) {
    const auto in_float = [](const auto& row) { return row.second.method == kMethodFloat; };
    float_column_ =
        std::count_if(experiment.configs.begin(), experiment.configs.end(), in_float) > 1;
    if (float_column_) bits_.push_back(kMethodFloat);
    for (const ExperimentCell& cell : experiment.cells) {
      Remember(models_, cell.model);
      const auto found = result.cells.find(cell.name());
      if (found == result.cells.end()) continue;
      if (cell.config.method != kMethodFloat) Remember(bits_, cell.bits);
      for (const auto& [name, metric] : found->second["metrics"].items()) {
        Remember(metrics_, name);
        units_[name] = metric["unit"];
        if (!metric["value"].is_number()) continue;
        values_[{cell.row, cell.model, cell.bits, name}][cell.seed] = metric["value"];
        samples_[cell.model] = cell.config.samples;
      }
    }
  }

  std::string Whole() const {
    std::string text = "# " + experiment_.name + (experiment_.quick ? " (quick)" : "") + "\n\n";
    text += "Mean over the seeds ± their standard deviation. Rows in the papers' order.\n";
    for (const std::string& model : models_) text += OfModel(model);
    return text + Claims() + Failures();
  }

 private:
  static void Remember(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  }

  const BySeed* Find(const std::string& row, const std::string& model, const std::string& bits,
                     const std::string& metric) const {
    const auto found = values_.find({row, model, bits, metric});
    return found == values_.end() ? nullptr : &found->second;
  }

  static double MeanOf(const BySeed& values) {
    double sum = 0;
    for (const auto& [seed, value] : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
  static double DeviationOf(const BySeed& values) {
    double sum = 0;
    for (const auto& [seed, value] : values) sum += std::pow(value - MeanOf(values), 2);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
  }

  // Digits by what the spread leaves.
  static std::string CellText(const BySeed* values) {
    if (values == nullptr || values->empty()) return "-";
    const double mean = MeanOf(*values);
    const double size = std::abs(mean);
    const char* format = size < 0.1 ? "%.4f" : size < 1 ? "%.3f" : size < 100 ? "%.2f" : "%.0f";
    if (values->size() < 2) return Text(format, mean);
    return Text(format, mean) + " ± " + Text(format, DeviationOf(*values));
  }

  std::string OfModel(const std::string& model) const {
    std::string text;
    for (const std::string& metric : metrics_) {
      const std::string table = OfMetric(model, metric);
      if (table.empty()) continue;
      text += "\n### " + model + ": " + metric +
              (units_.at(metric) == "1" ? "" : ", " + units_.at(metric)) +
              " (n = " + std::to_string(samples_.at(model)) + ")\n\n" + table;
    }
    return text.empty() ? "" : "\n## " + model + "\n" + text;
  }

  std::string OfMetric(const std::string& model, const std::string& metric) const {
    std::string head = "| |", rule = "|---|", body;
    for (const std::string& bits : bits_) head += " " + bits + " |", rule += "---|";
    for (const std::string& row : experiment_.rows) {
      const RowConfig& config = experiment_.Of(row);
      const bool in_float = config.method == kMethodFloat;
      std::string line;
      bool any = false;
      for (const std::string& bits : bits_) {
        const bool everywhere = in_float && !float_column_;
        const BySeed* values = Find(row, model, everywhere ? kMethodFloat : bits, metric);
        any = any || values != nullptr;
        line += " " + CellText(values) + " |";
      }
      if (any) body += "| " + config.label + " |" + line + "\n";
    }
    return body.empty() ? "" : head + "\n" + rule + "\n" + body;
  }

  // The claim's metric as these results call it.
  std::string ClaimMetric(const RowConfig& config) const {
    for (const std::string& name : ResultNamesOf(config.claim_metric)) {
      if (std::find(metrics_.begin(), metrics_.end(), name) != metrics_.end()) return name;
    }
    return config.claim_metric;
  }

  // How one row compares with another, seed by seed; nothing where no seed has both.
  std::optional<std::string> Verdict(const std::string& row, const std::string& beaten,
                                     const std::string& model, const std::string& bits) const {
    const RowConfig& config = experiment_.Of(row);
    const std::string metric = ClaimMetric(config);
    const BySeed* own = Find(row, model, bits, metric);
    const bool beats_float = experiment_.Of(beaten).method == kMethodFloat;
    const BySeed* other = Find(beaten, model, beats_float ? kMethodFloat : bits, metric);
    if (own == nullptr || other == nullptr) return std::nullopt;
    int better = 0, compared = 0;
    double sum = 0;
    for (const auto& [seed, value] : *own) {
      const auto match = other->find(seed);
      if (match == other->end()) continue;
      const double gain = config.claim_lower ? match->second - value : value - match->second;
      better += gain > 0, ++compared;
      sum += value - match->second;
    }
    if (compared == 0) return std::nullopt;
    const char* verdict = better == compared ? "holds" : (better == 0 ? "no" : "mixed");
    return std::string(verdict) + " (" + Text("%+.2f", sum / compared) + ")";
  }

  std::string Claim(const std::string& row, const std::string& beaten,
                    const std::string& model) const {
    const RowConfig& config = experiment_.Of(row);
    std::string line;
    bool any = false;
    for (const std::string& bits : bits_) {
      const auto verdict = Verdict(row, beaten, model, bits);
      any = any || verdict.has_value();
      line += " " + verdict.value_or("-") + " |";
    }
    if (!any) return "";
    return "| " + config.label + " beats " + experiment_.Of(beaten).label + " | " +
           ClaimMetric(config) + " | " + model + " |" + line + "\n";
  }

  std::string Claims() const {
    std::string head = "| claim | by | model |", rule = "|---|---|---|", body;
    for (const std::string& bits : bits_) head += " " + bits + " |", rule += "---|";
    for (const std::string& row : experiment_.rows) {
      for (const std::string& beaten : ListedNames(experiment_.Of(row).improves_on)) {
        for (const std::string& model : models_) body += Claim(row, beaten, model);
      }
    }
    if (body.empty()) return "";
    return "\n## Do the claims hold here?\n\n\"holds\": with every seed, paired on the "
           "same noise; \"mixed\": with some; \"no\": with none. The mean difference in "
           "brackets.\n\n" +
           head + "\n" + rule + "\n" + body;
  }

  std::string Failures() const {
    if (result_.failures.empty()) return "";
    std::string text = "\n## Failed\n\nThe same command tries these again.\n\n";
    for (const auto& [cell, reason] : result_.failures) text += "- " + cell + ": " + reason + "\n";
    return text;
  }

  const Experiment& experiment_;
  const ExperimentResult& result_;
  bool float_column_ = false;  // several rows in float: of their own, else repeated in each
  std::vector<std::string> models_, bits_, metrics_;
  std::map<std::string, std::string> units_;
  std::map<std::string, int> samples_;
  std::map<std::tuple<std::string, std::string, std::string, std::string>, BySeed> values_;
};

}  // namespace

std::string MarkdownOf(const Experiment& experiment, const ExperimentResult& result) {
  return Tables(experiment, result).Whole();
}

}  // namespace tmpq
