#include "src/search/budget.h"

#include <cmath>
#include <cstdio>
#include <regex>

#include "src/core/error.h"
#include "src/core/units.h"

namespace tmpq {
namespace {

constexpr const char* kForms =
    "for example 4bit (2bit to 8bit), w4a8, bitops=0.25x, size=2MB, latency=15ms, memory=4MB, or "
    "several with commas";

double UniformBitOps(int bits, const BudgetReference& reference) {
  const Candidate candidate =
      Candidate::Uniform(UniformTimesteps(reference.steps, reference.training_steps),
                         UniformPolicy(*reference.table, BitWidth::Of(bits), BitWidth::Of(bits)));
  return CostsOf(*reference.table, candidate, reference.calls_per_step).bitops;
}

void CheckTimed(const std::string& where, const BudgetReference& reference) {
  if (reference.timed) return;
  throw Error(ErrorCode::kUsage, where, "needs to know how long layers take on this machine",
              "time them with \"tmpq-bench latency --model NAME --out latency.json\" and give "
              "--latency latency.json");
}

}  // namespace

void Budget::Limit(const std::string& cost, double limit, const std::string& text) {
  if (!limits_.emplace(cost, limit).second) {
    throw Error(ErrorCode::kUsage, "--budget " + text, "limits " + cost + " twice");
  }
}

void Budget::ParsePart(const std::string& part, const std::string& text,
                       const BudgetReference& reference) {
  static const std::regex kBits("([0-9]+)bit"),
      kAverages("w([0-9]+(?:\\.[0-9]+)?)a([0-9]+(?:\\.[0-9]+)?)"),
      kRelative("bitops=([0-9]+(?:\\.[0-9]+)?)x"),
      kSize("(size|memory)=([0-9]+(?:\\.[0-9]+)?)(B|kB|MB|KiB|MiB)"),
      kTime("latency=([0-9]+(?:\\.[0-9]+)?)(us|ms|s)");
  const std::string where = "--budget " + text;
  std::smatch match;
  if (std::regex_match(part, match, kBits)) {
    const int bits = match[1].length() == 1 ? match[1].str()[0] - '0' : 0;
    if (bits < 2 || bits > 8) {
      throw Error(ErrorCode::kUsage, where, "\"" + part + "\" is no bit-width that has kernels",
                  "2bit to 8bit");
    }
    Limit(kBitOps, UniformBitOps(bits, reference), text);
  } else if (std::regex_match(part, match, kAverages)) {
    CheckRange(where + ": average weight bits", std::stod(match[1]), 2, BitWidth::kFloatBits);
    CheckRange(where + ": average activation bits", std::stod(match[2]), 2, BitWidth::kFloatBits);
    Limit(kAverageWeightBits, std::stod(match[1]), text);
    Limit(kAverageActivationBits, std::stod(match[2]), text);
  } else if (std::regex_match(part, match, kRelative)) {
    const double share = std::stod(match[1]);
    if (!(share > 0)) throw Error(ErrorCode::kUsage, where, "allows no BitOps at all", kForms);
    Limit(kBitOps, share * UniformBitOps(8, reference), text);
  } else if (std::regex_match(part, match, kSize)) {
    const double bytes = std::stod(match[2]) * BytesPerUnit(match[3]);
    if (!(bytes > 0)) throw Error(ErrorCode::kUsage, where, "allows no bytes at all", kForms);
    if (match[1] == "memory") CheckTimed(where, reference);
    Limit(match[1] == "memory" ? kPeakBytes : kStoredBytes, bytes, text);
  } else if (std::regex_match(part, match, kTime)) {
    const double nanoseconds = std::stod(match[1]) * NanosecondsPerUnit(match[2]);
    if (!(nanoseconds > 0)) throw Error(ErrorCode::kUsage, where, "allows no time at all", kForms);
    CheckTimed(where, reference);
    Limit(kLatency, nanoseconds, text);
  } else {
    throw Error(ErrorCode::kUsage, where, "\"" + part + "\" is no budget", kForms);
  }
}

Budget Budget::Parse(const std::string& text, const BudgetReference& reference) {
  Budget budget;
  size_t begin = 0;
  while (true) {
    const size_t comma = text.find(',', begin);
    budget.ParsePart(text.substr(begin, comma - begin), text, reference);
    if (comma == std::string::npos) return budget;
    begin = comma + 1;
  }
}

Budget Budget::Of(std::map<std::string, double> limits) {
  Budget budget;
  budget.limits_ = std::move(limits);
  return budget;
}

Budget Budget::Scaled(double share) const {
  Budget scaled = *this;
  for (auto& [name, limit] : scaled.limits_) limit *= share;
  return scaled;
}

bool Budget::Fits(const Costs& costs) const {
  for (const auto& [name, limit] : limits_) {
    if (CostByName(costs, name) > limit) return false;
  }
  return true;
}

std::string Budget::Excess(const Costs& costs) const {
  std::string text;
  for (const auto& [name, limit] : limits_) {
    if (CostByName(costs, name) <= limit) continue;
    char part[128];
    std::snprintf(part, sizeof(part), "%s %.6g > %.6g", name.c_str(), CostByName(costs, name),
                  limit);
    text += (text.empty() ? "" : ", ") + std::string(part);
  }
  return text;
}

}  // namespace tmpq
