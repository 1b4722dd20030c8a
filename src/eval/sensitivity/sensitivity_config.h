// Everything that a sensitivity table depends on; its text is the journal's header.
#pragma once

#include <string>
#include <vector>

#include "src/eval/driver/search_config.h"

namespace tmpq {

struct SensitivityConfig {
  SearchConfig search;  // model, stress, recipe, prompts, sampler, guidance, networks, steps, seed
  std::vector<int> bits = {3, 4, 6, 8};
  std::string activation_bits;
  int ranges = 4;
  int samples = 16;
  std::string base = "widest";
  std::string metrics;

  template <typename V>
  void ForEachField(V&& visit) {
    search.ForEachField([&](const char* name, auto& field, const char* help) {
      for (const char* own : {"model", "stress", "recipe", "prompts", "sampler", "guidance",
                              "feature_net", "text_encoder", "steps", "seed"}) {
        if (std::string(name) == own) visit(name, field, help);
      }
    });
    visit("bits", bits, "bit-widths at which every site is measured");
    visit("activation_bits", activation_bits,
          "the same of activations, q, k and v; 32: float inputs (default: bits)");
    visit("ranges", ranges, "equal ranges of timesteps in which sites are narrowed; 1: none");
    visit("samples", samples, "samples of every measurement, on search noise");
    visit("base", base,
          "all other sites: widest (of --bits), or float, which leaves a site's partners in "
          "products at the widest");
    visit("metrics", metrics, "of those printed at the end, with commas (default: all)");
  }

  // Throws kUsage naming the first field that is out of range. Sorts the bit-widths.
  void Validate();
};

}  // namespace tmpq
