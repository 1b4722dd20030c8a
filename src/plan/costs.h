// What a candidate costs, read off the site table: exact, per sample, over the whole run.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "src/plan/candidate.h"

namespace tmpq {

struct Costs {
  double bitops = 0;  // MACs x weight bits x activation bits, every network call counted
  double average_weight_bits =
      0;                          // over all weights of linears and convolutions, weighted by steps
  double stored_weight_bits = 0;  // 8 x bytes of the stored weights / number of weights
  double average_activation_bits =
      0;                   // MAC- and step-weighted over the inputs of linears and convolutions
  int64_t bytes = 0;       // union over (site, bit-width, set) that any step uses, scales included,
                           // plus float parameters
  int64_t latency_ns = 0;  // of sampling the batch that was timed; 0: the network has not been
  int64_t peak_bytes = 0;  // `bytes`, and activations of that batch on all threads
};

// Names of costs, as in files, budgets and reports.
inline constexpr const char* kBitOps = "bitops";
inline constexpr const char* kAverageWeightBits = "average_weight_bits";
inline constexpr const char* kStoredWeightBits = "stored_weight_bits";
inline constexpr const char* kAverageActivationBits = "average_activation_bits";
inline constexpr const char* kStoredBytes = "bytes";
inline constexpr const char* kLatency = "latency_ns";
inline constexpr const char* kPeakBytes = "peak_bytes";

struct CostKind {
  const char* name;
  const char* units;
  const char* meaning;
  bool is_whole;  // number
  bool timed;     // known of networks that have been timed alone
  double (*get)(const Costs&);
  void (*set)(Costs&, double);
};

// All of them, in the order of files and tables.
std::span<const CostKind> CostKinds();
// Null: nothing is called `name`.
const CostKind* FindCostKind(const std::string& name);
// `name` is one of the above.
double CostByName(const Costs& costs, const std::string& name);
// Whether `kind` is known of what `costs` are of.
inline bool HasCost(const Costs& costs, const CostKind& kind) {
  return !kind.timed || costs.latency_ns > 0;
}

// `calls_per_step`: network evaluations of one step (2 with classifier-free guidance).
Costs CostsOf(const SiteTable& table, const Candidate& candidate, int calls_per_step);

// Bytes of one weight site packed at `width`: panels, and what belongs to them alone.
int64_t StoredWeightBytes(const QuantSite& site, BitWidth width);

}  // namespace tmpq
