// Everything that a search run depends on, in one struct: its text is the journal's header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/core/int_range.h"
#include "src/search/evaluator.h"

namespace tmpq {

// What a search chooses.
inline constexpr const char* kOptimizeJoint = "joint";          // timesteps and bit-widths
inline constexpr const char* kOptimizeTimesteps = "timesteps";  // at the widest uniform bit-widths
inline constexpr const char* kOptimizeBits = "bits";            // at uniform timesteps

struct SearchConfig {
  std::string model = "fashion-dit";
  bool stress = false;
  std::string prompts;
  std::string sampler;
  double guidance = -1;
  std::string recipe = "naive";
  std::string rounding;
  std::string feature_net;
  std::string reference;
  std::string text_encoder;
  std::string budget = "4bit";
  std::string latency;
  IntRange steps = IntRange::Of(20);
  std::string optimize = kOptimizeJoint;
  std::string minimize = "error";
  std::string objectives;
  std::string algorithm = "guided";
  std::string ties = "none";
  std::string mode = "groupwise-consistent";
  std::string grouping = "uniform";
  std::vector<int> weight_bits = {3, 4, 5, 6, 8};
  std::vector<int> activation_bits = {3, 4, 5, 6, 8};
  std::string group_bits;
  uint64_t seed = 0;
  // TMPQ-DM's evolution; its published values are 50, 20, 10, 25, 10, 0.25.
  int population = 50;
  int generations = 12;
  int parents = 10;
  int mutants = 25;
  int crossovers = 10;
  double mutation_probability = 0.25;
  double initial_mutation_probability = 0.1;
  bool warm_start = true;
  std::string sensitivity;
  // Fidelities.
  int trajectory_steps = 50;
  int trajectory_samples = 12;
  int probe_samples = 0;
  std::vector<int> probe_bits = {2, 3, 4, 5, 6, 7, 8};
  double early_termination = 0;
  int metric_samples = 256;
  int metric_candidates = 2;
  std::string select_by = "distance";
  int selection_candidates = 5;
  bool selection_test = false;
  int selection_samples = 600;
  int report_samples = 2000;
  int converged_samples = 200;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("model", model,
          "bundled model's name, weights file, or folder: of a network, or a diffusers pipeline");
    visit("stress", stress,
          "inject outlier channels first (float output unchanged; labelled NAME-stress)");
    visit(
        "prompts", prompts,
        "file of prompts, one a line, or encoded ones in .safetensors (default: the model's own)");
    visit("sampler", sampler,
          "ddim, ddpm, dpmpp-2m, dpmpp-2s, unipc or euler-flow (default: the model's own)");
    visit("guidance", guidance, "classifier-free guidance scale; -1: the model's own");
    visit("recipe", recipe,
          "how weights and activations are quantized: a named recipe (tmpq-calibrate --list), or a "
          "file .ini");
    visit("rounding", rounding,
          "file of tmpq-reconstruct, which recipes with learned rounding need");
    visit("feature_net", feature_net,
          "feature network of the distance (default: the model's own, else random-features)");
    visit("reference", reference,
          "statistics file that distances are measured to (default: the feature network's training "
          "set; for random-features the float model's own samples)");
    visit("text_encoder", text_encoder,
          "encoder of text similarity: bundled, or a folder of CLIP (default: the model's own)");
    visit("budget", budget,
          "Nbit, wNaM, bitops=0.25x, size=2MB, latency=15ms, memory=4MB, or several with commas");
    visit("latency", latency,
          "file of tmpq-bench latency: what budgets of latency and memory are counted with");
    visit("steps", steps,
          "sampling steps, or a range to choose their number from, such as 5..20; relative budgets "
          "are of its upper end");
    visit("optimize", optimize,
          "joint, timesteps (at the widest uniform bit-widths) or bits (at uniform timesteps)");
    visit("minimize", minimize,
          "what the algorithm minimises within the budget, on trajectory_samples: error (to the "
          "float model's samples), psnr_to_float, distance, text_alignment, text_similarity or "
          "temporal_consistency; followed by costs (bitops, bytes, latency_ns, ...), or with nsga2 "
          "by more of these, it looks for a whole front");
    visit("objectives", objectives,
          "of the front and its hypervolume, on metric_samples: names as in minimize (default: "
          "distance,bitops,bytes, and of timed networks latency_ns)");
    visit(
        "algorithm", algorithm,
        "guided (probes, an additive model, offspring that it screens), tmpq-dm (evolution, with "
        "the settings below), nsga2, greedy, integer-programme, tmpdiff (a precision a step; modes "
        "free and groupwise), uniform, random or exhaustive");
    visit("ties", ties,
          "sites that share one bit-width: none, qkv, layer or group (layers of one kind)");
    visit("mode", mode, "free, groupwise, consistent or groupwise-consistent (TMPQ-DM)");
    visit("grouping", grouping, "timestep groups: uniform, or quadratic (TMPQ-DM)");
    visit("weight_bits", weight_bits, "candidate bit-widths of weights");
    visit(
        "activation_bits", activation_bits,
        "candidate bit-widths of activations, q, k and v; 32: float inputs of layers whose weights "
        "stay integers");
    visit("group_bits", group_bits,
          "fewer candidates for kinds of layers, such as "
          "embedding=8;feed-forward.weights=4,8;feed-forward.activations=8");
    visit("seed", seed, "of proposals and of all noise");
    visit("population", population, "candidates per generation (published: 50)");
    visit("generations", generations,
          "generations, or batches of the other algorithms (published: 20)");
    visit("parents", parents, "best candidates of all generations that breed (published: 10)");
    visit("mutants", mutants, "mutations per generation (published: 25)");
    visit("crossovers", crossovers, "crossovers per generation (published: 10)");
    visit("mutation_probability", mutation_probability, "per gene (published: 0.25)");
    visit("initial_mutation_probability", initial_mutation_probability,
          "per gene, of the initial candidate (published: 0.1)");
    visit("warm_start", warm_start,
          "begin from allocations by measured sensitivities, and timesteps by measured jump errors "
          "(published: false)");
    visit("sensitivity", sensitivity,
          "table of tmpq-sensitivity that the warm start reads instead of measuring");
    visit("trajectory_steps", trajectory_steps, "uniform steps of the float reference trajectory");
    visit("trajectory_samples", trajectory_samples, "samples of a trajectory error");
    visit("probe_samples", probe_samples,
          "of these, the first ones are all that single sites' damages are measured on, and what "
          "early termination looks at; 0: all");
    visit("probe_bits", probe_bits,
          "candidate bit-widths at which single sites' damages are measured; those at the others "
          "follow by the variance of rounding");
    visit("early_termination", early_termination,
          "candidates of more than so many times the best one's error on the first probe_samples "
          "are not measured on the others; 0: all are");
    visit("metric_samples", metric_samples, "samples of a distance during the search");
    visit("metric_candidates", metric_candidates,
          "candidates per generation whose distance is measured");
    visit("select_by", select_by,
          "what finalists and plan are the best by: distance, error, or another loss of minimize");
    visit("selection_candidates", selection_candidates, "finalists compared on selection noise");
    visit("selection_samples", selection_samples, "samples of a finalist's distance");
    visit(
        "selection_test", selection_test,
        "begin with the best uniform row: a finalist takes its place only where the 95 % interval "
        "of their difference, on the same noise, says that it is better");
    visit("report_samples", report_samples, "samples of the printed figures, on report noise");
    visit("converged_samples", converged_samples,
          "of these, samples compared with the float model at trajectory_steps");
  }

  // Throws kUsage naming the first field that is out of range. Sorts the bit-widths.
  void Validate();
  // Measurements and costs: of the algorithm, the first one a measurement; what finalists are
  // chosen by.
  std::vector<std::string> Minimized() const;
  std::string SelectedBy() const;
  // Whether finalists are those of the algorithm's own measurements, on trajectory_samples; else
  // those of the few that are measured on metric_samples.
  bool selects_what_it_minimizes() const { return SelectedBy() == Minimized().front(); }
  // What probes are measured at.
  Fidelity probe_fidelity() const {
    return probe_samples == 0 ? Fidelity::kTrajectory : Fidelity::kProbe;
  }

 private:
  void CheckMinimized() const;
};

}  // namespace tmpq
