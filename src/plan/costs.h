// What a candidate costs, read off the site table: exact, per sample, over the whole run.
#pragma once

#include <cstdint>

#include "src/plan/candidate.h"

namespace tmpq {

struct Costs {
  double bitops = 0;  // MACs x weight bits x activation bits, every network call counted
  double average_weight_bits =
      0;                          // over all weights of linears and convolutions, weighted by steps
  double stored_weight_bits = 0;  // 8 x bytes of the stored weights / number of weights
  double average_activation_bits =
      0;              // MAC- and step-weighted over the inputs of linears and convolutions
  int64_t bytes = 0;  // union over (site, bit-width, set) that any step uses, scales included,
                      // plus float parameters
};

// `calls_per_step`: network evaluations of one step (2 with classifier-free guidance).
Costs CostsOf(const SiteTable& table, const Candidate& candidate, int calls_per_step);

// Bytes of one weight site packed at `width`: panels, and what belongs to them alone.
int64_t StoredWeightBytes(const QuantSite& site, BitWidth width);

}  // namespace tmpq
