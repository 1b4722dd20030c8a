#include "src/eval/driver/front_query.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <regex>

#include "src/core/config.h"
#include "src/core/config_text.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/units.h"
#include "src/eval/driver/bench_settings.h"
#include "src/eval/driver/search_outputs.h"
#include "src/eval/proxies/losses.h"
#include "src/eval/proxies/measurement_names.h"
#include "src/eval/results/costs_json.h"
#include "src/eval/results/run_reader.h"
#include "src/search/budget.h"

namespace tmpq {
namespace {

constexpr const char* kSteps = "steps";
constexpr const char* kForms =
    "for example bitops<=0.2x, average_weight_bits<=4, average_activation_bits<=6, bytes<1.2MB, "
    "latency_ns<=15ms, steps<=10, distance<0.5, or several with commas";

[[noreturn]] void Refuse(const std::string& text, const std::string& what) {
  throw Error(ErrorCode::kUsage, "--front-query " + text, what, kForms);
}

double QuantityOf(const RunEvaluation& evaluation, const std::string& name) {
  if (IsLossMeasurement(name)) return evaluation.measurements.at(name);
  if (name == kSteps) return evaluation.candidate.steps();
  return CostByName(evaluation.costs, name);
}

FrontCondition ParseCondition(const std::string& part, const std::string& text) {
  static const std::regex kCondition(
      "\\s*([a-z_]+)\\s*(<=|>=|<|>|=)\\s*([0-9]+(?:\\.[0-9]+)?(?:e[+-]?[0-9]+)?)\\s*([A-Za-z]*)"
      "\\s*");
  std::smatch match;
  if (!std::regex_match(part, match, kCondition)) {
    Refuse(text, "\"" + part + "\" is no condition");
  }
  FrontCondition condition{match[1], match[2], std::stod(match[3]), match[4], 1};
  const std::string& quantity = condition.quantity;
  const CostKind* cost = FindCostKind(quantity);
  if (cost == nullptr && quantity != kSteps && !IsLossMeasurement(quantity)) {
    Refuse(text, "nothing is called " + quantity);
  }
  const std::string units = cost == nullptr ? "" : cost->units;
  if ((units == "bytes" || units == "ns") && !condition.unit.empty()) {
    condition.scale =
        units == "ns" ? NanosecondsPerUnit(condition.unit) : BytesPerUnit(condition.unit);
    if (condition.scale == 0) Refuse(text, quantity + " has no unit " + condition.unit);
  } else if (!condition.unit.empty() && !(quantity == kBitOps && condition.unit == "x")) {
    Refuse(text, quantity + " has no unit " + condition.unit);
  }
  return condition;
}

double W8A8BitOps(const RunRecord& run) {
  const RunBaseline* w8a8 = FindBaseline(run, "w8a8");
  if (w8a8 == nullptr) throw Error(ErrorCode::kInput, "run.h5", "has no row w8a8 to compare with");
  return w8a8->costs.bitops;
}

// Sums of what the conditions are missed by; 0: all satisfied.
double ExcessOf(const RunEvaluation& evaluation, const std::vector<FrontCondition>& conditions) {
  double sum = 0;
  for (const FrontCondition& condition : conditions) {
    sum += condition.Excess(QuantityOf(evaluation, condition.quantity) / condition.scale);
  }
  return sum;
}

std::string ValuesText(const RunEvaluation& evaluation,
                       const std::vector<FrontCondition>& conditions) {
  std::string text;
  for (const FrontCondition& condition : conditions) {
    char number[64];
    std::snprintf(number, sizeof(number), "%.6g",
                  QuantityOf(evaluation, condition.quantity) / condition.scale);
    text += (text.empty() ? "" : ", ") + condition.quantity + " " + number + condition.unit;
  }
  return text;
}

// That model and supernet are still those that the run was made with.
void CheckHashes(const RunRecord& run, const SearchBench& bench, const std::string& where) {
  for (const auto& [name, hash] : bench.hashes()) {
    const auto recorded = run.provenance.find(name);
    if (recorded == run.provenance.end() || recorded->second == hash) continue;
    throw Error(ErrorCode::kInput, where,
                "was made with another " + name + ": " + recorded->second + ", now " + hash,
                "plans come from the files that a run was made with");
  }
}

SearchConfig ConfigOf(const RunRecord& run, const std::string& where) {
  SearchConfig config;
  ApplyValues(config, ConfigValues(run.config_text), where + ": /config");
  config.Validate();
  return config;
}

// What candidates are chosen by.
std::string MeasurementOf(const RunRecord& run, Fidelity fidelity) {
  const RunHistory& history = run.history;
  if (fidelity == Fidelity::kMetrics) {
    return history.objectives.empty() ? kDistance : history.objectives.front();
  }
  return history.minimized.empty() ? kTrajectoryError : history.minimized;
}

Json ValueToJson(const FrontChoice& choice, Fidelity fidelity, const SearchConfig& config) {
  Json json = {{"value", choice.value}};
  if (fidelity == Fidelity::kMetrics) json["noise"] = "search", json["n"] = config.metric_samples;
  return json;
}

// Times and peak memory are known of runs with a latency table alone, losses of those that measured
// or predicted them.
void CheckKnown(const RunRecord& run, const FrontCondition& condition, Fidelity fidelity,
                const std::string& text) {
  const CostKind* kind = FindCostKind(condition.quantity);
  if (IsLossMeasurement(condition.quantity)) {
    const auto lacks = [&](const RunEvaluation& evaluation) {
      return evaluation.fidelity == fidelity &&
             !evaluation.measurements.contains(condition.quantity);
    };
    if (!std::any_of(run.evaluations.begin(), run.evaluations.end(), lacks)) return;
    Refuse(text, condition.quantity + (fidelity == Fidelity::kMetrics
                                           ? " was not measured: --objectives of the search"
                                           : " is not predicted"));
  }
  const auto has = [&](const RunEvaluation& evaluation) {
    return HasCost(evaluation.costs, *kind);
  };
  if (kind == nullptr || std::any_of(run.evaluations.begin(), run.evaluations.end(), has)) return;
  Refuse(text, condition.quantity + " is not known of a run without --latency");
}

}  // namespace

double FrontCondition::Excess(double value) const {
  const bool satisfied = relation == "<="   ? value <= limit
                         : relation == "<"  ? value < limit
                         : relation == ">=" ? value >= limit
                         : relation == ">"  ? value > limit
                                            : value == limit;
  // A strict relation may be missed by nothing at all.
  constexpr double kLeast = std::numeric_limits<double>::min();
  return satisfied ? 0 : std::max(kLeast, std::abs(value - limit) / std::max(limit, 1e-300));
}

std::vector<FrontCondition> ParseFrontQuery(const std::string& text) {
  std::vector<FrontCondition> conditions;
  for (size_t begin = 0;;) {
    const size_t comma = text.find(',', begin);
    conditions.push_back(ParseCondition(text.substr(begin, comma - begin), text));
    if (comma == std::string::npos) return conditions;
    begin = comma + 1;
  }
}

FrontChoice QueryFront(const RunRecord& run, const std::string& text, Fidelity fidelity) {
  std::vector<FrontCondition> conditions = ParseFrontQuery(text);
  const std::string measurement = MeasurementOf(run, fidelity);
  for (FrontCondition& condition : conditions) {
    if (condition.unit == "x") condition.scale = W8A8BitOps(run);
    CheckKnown(run, condition, fidelity, text);
  }
  FrontChoice choice;
  int64_t nearest = -1;
  double least_excess = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < run.evaluations.size(); ++i) {
    const RunEvaluation& evaluation = run.evaluations[i];
    if (evaluation.fidelity != fidelity) continue;
    const auto value = evaluation.measurements.find(measurement);
    if (value == evaluation.measurements.end()) continue;
    ++choice.known;
    const double excess = ExcessOf(evaluation, conditions);
    if (excess < least_excess) least_excess = excess, nearest = static_cast<int64_t>(i);
    if (excess > 0) continue;
    ++choice.fitting;
    if (choice.evaluation >= 0 && value->second >= choice.value) continue;
    choice.evaluation = static_cast<int64_t>(i), choice.value = value->second;
  }
  const std::string known = fidelity == Fidelity::kMetrics
                                ? "whose " + InWords(measurement) + " was measured"
                                : "on a predicted front";
  if (choice.known == 0) {
    throw Error(ErrorCode::kInput, "run.h5", "has no candidate " + known);
  }
  if (choice.fitting == 0) {
    throw Error(
        ErrorCode::kInput, "--front-query " + text,
        "none of the " + std::to_string(choice.known) + " candidates " + known + " satisfies it",
        "the nearest has " + ValuesText(run.evaluations[nearest], conditions));
  }
  return choice;
}

Json AnswerFrontQuery(const SearchSession& session, const std::string& text, Fidelity fidelity,
                      const std::filesystem::path& plan_out) {
  RefuseToOverwrite(plan_out, session.overwrite);
  const auto path = session.out / kRunName;
  const RunRecord run = ReadRunFile(path);
  const SearchConfig config = ConfigOf(run, path.string());
  const FrontChoice choice = QueryFront(run, text, fidelity);
  const auto supernet = session.out / kSupernetName;
  if (!std::filesystem::exists(supernet)) {
    throw Error(ErrorCode::kInput, supernet.string(), "is missing: plans are cut out of it",
                "the finished run has it, or run the search again");
  }
  SearchBench bench(config, session);
  bench.OpenSupernet();
  CheckHashes(run, bench, path.string());
  const RunEvaluation& chosen = run.evaluations[choice.evaluation];
  if (plan_out.has_parent_path()) PrepareFolder(plan_out.parent_path());
  bench.WritePlanOf(chosen.candidate, "tmpq-search", plan_out);
  const std::string measurement = MeasurementOf(run, fidelity);
  Json answer = {{"query", text},
                 {"candidate_hash", chosen.candidate.hash().Hex()},
                 {"fitting", choice.fitting},
                 {"known", choice.known},
                 {"evaluations", 0},
                 {"steps", chosen.candidate.steps()},
                 {"fidelity", NameOf(fidelity)},
                 {"measurement", measurement},
                 {measurement, ValueToJson(choice, fidelity, config)},
                 {"bitops_relative_to_w8a8", chosen.costs.bitops / W8A8BitOps(run)}};
  answer.update(CostsToJson(chosen.costs));
  answer["plan"] = plan_out.string();
  return answer;
}

std::string FrontAnswerText(const Json& answer) {
  const bool measured = answer["fidelity"] == NameOf(Fidelity::kMetrics);
  const std::string measurement = answer["measurement"].get<std::string>();
  const Json& value = answer[measurement];
  const std::string title = (measured ? "" : "predicted ") + InWords(measurement);
  const int width = std::max(15, static_cast<int>(title.size()));
  char row[256];
  std::snprintf(
      row, sizeof(row), "%5s  %-*s  %6s %6s  %7s  %9s\n%5d  %-*.4g  %6.2f %6.2f  %6.3fx  %9lld\n",
      "steps", width, title.c_str(), "w bits", "a bits", "BitOps", "bytes",
      answer["steps"].get<int>(), width, value["value"].get<double>(),
      answer["average_weight_bits"].get<double>(), answer["average_activation_bits"].get<double>(),
      answer["bitops_relative_to_w8a8"].get<double>(), answer["bytes"].get<long long>());
  const std::string among = answer["fitting"].dump() + " among " + answer["known"].dump();
  const std::string query = answer["query"].get<std::string>();
  return row +
         (measured
              ? "The least " + title + " of the " + among + " measured candidates that satisfy " +
                    query + ".\nIt is of search noise, n = " + value["n"].dump() +
                    ", and was chosen for being the least: expect more. tmpq-eval --plan "
                    "measures it on fresh noise."
              : "The least " + title + " of the " + among +
                    " candidates of the predicted front that satisfy " + query +
                    ".\nIt is the sum of what the search measured of single sites, and "
                    "nothing was measured: "
                    "tmpq-eval --plan does.") +
         "\nWrote " + answer["plan"].get<std::string>() + ".\n";
}

}  // namespace tmpq
