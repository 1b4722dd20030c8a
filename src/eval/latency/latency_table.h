// How long the layers of a network take on one machine, by bit-width: what budgets of latency and
// memory are counted with. Measured by tmpq-bench latency, once, and kept: a search that reads the
// file is as reproducible as any other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "src/core/json.h"
#include "src/plan/quant_site.h"

namespace tmpq {

// Times are of one sampling step, all its network calls, on each of `threads` threads at once with
// `batch` samples of its own: threads x batch samples are sampled in the steps' sum.
struct LatencyTable {
  std::string model_hash, recipe_hash;
  std::string device;  // processor and kernels
  int threads = 1;
  int64_t batch = 1;  // samples of a thread
  // By a product's first site (a layer's weight, an attention's query) and the bits of its operands
  // (weight and activation, query and key).
  std::map<std::string, std::map<std::pair<int, int>, int64_t>> nanoseconds;
  int64_t other_nanoseconds = 0;  // of a step: what has no site
  int64_t working_bytes = 0;      // activations and scratch of all threads
  Json check = Json::object();    // of random policies: what the table says against the clock

  // `where` names the file in errors. Throws kInput.
  static LatencyTable FromJson(const Json& json, const std::string& where);
  static LatencyTable Load(const std::filesystem::path& path);
  Json ToJson() const;
};

// `sites` with the table's times at its products. Throws kInput, naming `where`, for a layer or
// attention that it does not have.
SiteTable WithLatency(SiteTable sites, const LatencyTable& table, const std::string& where);

}  // namespace tmpq
