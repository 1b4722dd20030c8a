#include "src/eval/latency/latency_table.h"

#include <cstdio>

#include "src/core/error.h"
#include "src/core/file.h"

namespace tmpq {
namespace {

constexpr const char* kFormat = "tmpq-latency-2";
constexpr const char* kRemedy = "measure it anew with tmpq-bench latency";
constexpr int kMostThreads = 1024;
constexpr int64_t kMostBatch = 1'000'000;
constexpr int64_t kMostNanoseconds = 1'000'000'000'000;  // of a layer; 1e6 such add up

int64_t ReadNanoseconds(const Json& json, const std::string& where) {
  const int64_t value = json.is_number_integer() ? json.get<int64_t>() : -1;
  if (value < 0 || value > kMostNanoseconds) {
    throw Error(ErrorCode::kInput, where, "are not nanoseconds: " + json.dump(), kRemedy);
  }
  return value;
}

// "4x8": of the operands.
std::string BitsText(const std::pair<int, int>& bits) {
  return std::to_string(bits.first) + "x" + std::to_string(bits.second);
}

std::map<std::pair<int, int>, int64_t> ReadWidths(const Json& widths, const std::string& where) {
  std::map<std::pair<int, int>, int64_t> nanoseconds;
  for (const auto& [text, value] : widths.items()) {
    std::pair<int, int> bits;
    const int fields = std::sscanf(text.c_str(), "%2dx%2d", &bits.first, &bits.second);
    if (fields != 2 || BitsText(bits) != text) {
      throw Error(ErrorCode::kInput, where, "\"" + text + "\" is no pair of bit-widths", kRemedy);
    }
    nanoseconds[bits] = ReadNanoseconds(value, where + ", " + text + " bits");
  }
  if (nanoseconds.empty()) throw Error(ErrorCode::kInput, where, "has no bit-widths", kRemedy);
  return nanoseconds;
}

}  // namespace

LatencyTable LatencyTable::FromJson(const Json& json, const std::string& where) {
  const auto format = JsonGet<std::string>(json, "format", where);
  if (format != kFormat) {
    throw Error(ErrorCode::kInput, where, "is of format " + format, std::string(kFormat));
  }
  LatencyTable table;
  table.model_hash = JsonGet<std::string>(json, "model_hash", where);
  table.recipe_hash = JsonGet<std::string>(json, "recipe_hash", where);
  table.device = JsonGet<std::string>(json, "device", where);
  table.threads = JsonGet<int>(json, "threads", where);
  table.batch = JsonGet<int64_t>(json, "batch", where);
  CheckRange(where + ": threads", table.threads, 1, kMostThreads);
  CheckRange(where + ": batch", static_cast<double>(table.batch), 1, kMostBatch);
  const Json times = JsonGet<Json>(json, "nanoseconds", where);
  for (const auto& [site, widths] : times.items()) {
    table.nanoseconds[site] = ReadWidths(widths, where + ": " + site);
  }
  table.other_nanoseconds = ReadNanoseconds(JsonGet<Json>(json, "other_nanoseconds", where),
                                            where + ": other_nanoseconds");
  table.working_bytes = JsonGet<int64_t>(json, "working_bytes", where);
  CheckRange(where + ": working_bytes", static_cast<double>(table.working_bytes), 0, 1e15);
  table.check = json.value("check", Json::object());
  return table;
}

LatencyTable LatencyTable::Load(const std::filesystem::path& path) {
  return FromJson(ParseJson(ReadFile(path), path.string()), path.string());
}

Json LatencyTable::ToJson() const {
  Json json = {{"format", kFormat},
               {"model_hash", model_hash},
               {"recipe_hash", recipe_hash},
               {"device", device},
               {"threads", threads},
               {"batch", batch},
               {"nanoseconds", Json::object()}};
  for (const auto& [site, widths] : nanoseconds) {
    for (const auto& [bits, value] : widths) {
      json["nanoseconds"][site][BitsText(bits)] = value;
    }
  }
  json["other_nanoseconds"] = other_nanoseconds, json["working_bytes"] = working_bytes;
  json["check"] = check;
  return json;
}

SiteTable WithLatency(SiteTable sites, const LatencyTable& table, const std::string& where) {
  for (SiteProduct& product : sites.products) {
    if (product.left_site < 0) continue;
    // A layer is its weight's product, an attention its query's.
    const QuantSite& site = sites.sites[product.left_site];
    if (site.kind != SiteKind::kWeight && site.kind != SiteKind::kQuery) continue;
    const auto found = table.nanoseconds.find(site.name);
    if (found == table.nanoseconds.end()) {
      throw Error(ErrorCode::kInput, where, "has no times of " + site.name, kRemedy);
    }
    product.nanoseconds = found->second;
  }
  sites.other_nanoseconds = table.other_nanoseconds;
  sites.working_bytes = table.working_bytes;
  return sites;
}

}  // namespace tmpq
