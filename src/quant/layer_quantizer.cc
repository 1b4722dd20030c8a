#include "src/quant/layer_quantizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/quant/gptq.h"
#include "src/quant/low_rank.h"
#include "src/quant/output_error.h"
#include "src/quant/range.h"

namespace tmpq {
namespace {

constexpr double kGptqDamping = 0.01;  // published
// SmoothQuant alphas that are tried for a layer; 0 leaves it to the weights alone.
constexpr double kAlphas[] = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
constexpr int64_t kErrorRows = 64;  // rows that an alpha's error is measured over

class LayerQuantizer {
 public:
  LayerQuantizer(const LayerRequest& request, NodeId id)
      : request_(request),
        node_(request.graph->node(id)),
        scheme_(request.scheme->Of(node_.name)),
        weights_(request.parameters->Get(node_.name + ".weight")) {
    const SiteTable& table = request.graph->sites();
    inputs_ = table.sites[node_.first_site].input_features;
    outputs_ = table.sites[node_.first_site].output_features;
    channels_ = table.sites[node_.first_site + 1].input_features;
  }

  QuantizedLayer Run() {
    QuantizedLayer layer;
    const int sets = scheme_.balanced ? request_.scheme->weight_sets() : 1;
    for (int set = 0; set < sets; ++set) layer.sets.push_back(MakeSet(set, sets));
    if (scheme_.is_static()) {
      for (const int bits : request_.activation_bits) {
        layer.activations[bits] = request_.steps ? TakeSteps(bits) : MakeScales(layer, bits);
      }
    }
    if (scheme_.first_row) layer.first_row = FirstOutput();
    return layer;
  }

 private:
  // What calibration saw of the inputs that a set is for.
  InputStatistics InputsOf(int set, int sets) const {
    if (sets == 1) return request_.statistics->Whole(node_.name);
    InputStatistics inputs = request_.statistics->Of(node_.name, set, 0);
    for (int branch = 1; branch < request_.statistics->branches(); ++branch) {
      const InputStatistics& other = request_.statistics->Of(node_.name, set, branch);
      for (size_t c = 0; c < inputs.absmax.size(); ++c) {
        inputs.absmax[c] = std::max(inputs.absmax[c], other.absmax[c]);
      }
      inputs.rows.insert(inputs.rows.end(), other.rows.begin(), other.rows.end());
    }
    return inputs;
  }

  InputTransform TransformFor(const InputStatistics& inputs, double alpha) const {
    InputTransform transform;
    transform.rotated = scheme_.rotated;
    if (scheme_.rotated) {
      transform.multiply = RotationSigns(node_.name, channels_, request_.recipe->rotation_seed);
    }
    if (scheme_.balanced) {
      const std::vector<float> balancing =
          BalancingVector(inputs.absmax, ChannelAbsMax(weights_, channels_), alpha);
      if (transform.multiply.empty()) transform.multiply.assign(channels_, 1.0f);
      for (int64_t c = 0; c < channels_; ++c) transform.multiply[c] *= balancing[c];
    }
    return transform;
  }

  // The alpha with the least output error; the first of equals.
  InputTransform BestTransform(const InputStatistics& inputs) const {
    const QuantRecipe& recipe = *request_.recipe;
    if (!scheme_.balanced || recipe.balance == "fixed") {
      return TransformFor(inputs, recipe.balance_alpha);
    }
    // Rows of all timesteps and conditions, evenly.
    std::vector<float> rows;
    const int64_t count = static_cast<int64_t>(inputs.rows.size()) / inputs_;
    const int64_t step = std::max<int64_t>(1, count / kErrorRows);
    for (int64_t r = 0; r < count; r += step) {
      rows.insert(rows.end(), inputs.rows.begin() + r * inputs_,
                  inputs.rows.begin() + (r + 1) * inputs_);
    }
    InputTransform best;
    double least = INFINITY;
    for (const double alpha : kAlphas) {
      InputTransform transform = TransformFor(inputs, alpha);
      const auto weights = TransformWeights(node_.name, weights_, channels_, transform);
      const auto moved = TransformInputs(node_.name, rows, channels_, transform);
      const QuantizedWeights quantized = QuantizeWeights(node_.name, weights, outputs_, inputs_,
                                                         BitWidth::Of(recipe.balance_weight_bits),
                                                         recipe.WeightOptionsOf(scheme_));
      const double error =
          OutputError(weights, moved, outputs_, inputs_, quantized, recipe.balance_activation_bits,
                      scheme_.activation_symmetric);
      if (error < least) least = error, best = std::move(transform);
    }
    return best;
  }

  WeightSet MakeSet(int index, int sets) const {
    WeightSet set;
    const InputStatistics inputs =
        request_.statistics != nullptr ? InputsOf(index, sets) : InputStatistics{};
    set.transform = BestTransform(inputs);
    std::vector<float> weights = TransformWeights(node_.name, weights_, channels_, set.transform);
    if (scheme_.low_rank > 0) {
      FloatBranch branch = TakeLowRank(weights, outputs_, inputs_, scheme_.low_rank);
      set.down = std::move(branch.down), set.up = std::move(branch.up);
    }
    const WeightOptions options = request_.recipe->WeightOptionsOf(scheme_);
    std::vector<float> rows;
    if (request_.recipe->rounding == "gptq") {
      rows = TransformInputs(node_.name, inputs.rows, channels_, set.transform);
    }
    if (request_.scheme->nested) return MakeNested(weights, options, std::move(set));
    for (const int bits : request_.weight_bits) {
      set.weights[bits] = Pack(Round(weights, rows, index, bits, options));
    }
    return set;
  }

  QuantizedWeights Round(std::span<const float> weights, std::span<const float> rows, int set,
                         int bits, const WeightOptions& options) const {
    const std::string& rounding = request_.recipe->rounding;
    const BitWidth width = BitWidth::Of(bits);
    if (rounding == "nearest") {
      return QuantizeWeights(node_.name, weights, outputs_, inputs_, width, options);
    }
    QuantizedWeights grid =
        FindWeightScales(node_.name, weights, outputs_, inputs_, width, options);
    if (rounding == "gptq") {
      RoundByGptq(weights, rows, kGptqDamping, grid);
    } else if (!request_.rounder || !request_.rounder(node_.name, set, weights, grid)) {
      throw Error(ErrorCode::kUnsupported, "layer " + node_.name,
                  "has no learned rounding at " + width.Name() + " bits",
                  "learn it: tmpq-reconstruct --weight-bits .. with all that are needed; or "
                  "rounding = nearest or gptq");
    }
    return grid;
  }

  // One set of integers at 8 bits, of which the widest bit-width's are stored; scales follow.
  WeightSet MakeNested(std::span<const float> weights, const WeightOptions& options,
                       WeightSet set) const {
    constexpr int kBits = 8;
    const QuantizedWeights whole =
        QuantizeWeights(node_.name, weights, outputs_, inputs_, BitWidth::Of(kBits), options);
    for (const int bits : request_.weight_bits) {
      QuantizedWeights narrow = whole;
      narrow.bits = bits;
      for (int8_t& q : narrow.q) {
        q = static_cast<int8_t>(kernels::NarrowValue(q, kBits, bits));
      }
      for (float& scale : narrow.scale) scale *= static_cast<float>(1 << (kBits - bits));
      set.weights[bits] = Pack(narrow);
      if (bits != request_.weight_bits.back()) set.weights[bits].data.clear();
    }
    return set;
  }

  StaticScales TakeSteps(int bits) const {
    const StaticScales* steps = request_.steps(node_.name, bits);
    const std::string where = "layer " + node_.name;
    if (steps == nullptr) {
      throw Error(ErrorCode::kUnsupported, where,
                  "has no learned steps at " + std::to_string(bits) + " bits",
                  "learn them: tmpq-reconstruct --activation-bits .. with all that are needed");
    }
    const int64_t entries = request_.statistics->ranges() * request_.statistics->branches();
    if (steps->entries != entries || steps->tokens != TokensOfScales() ||
        steps->offset.empty() != scheme_.activation_symmetric) {
      throw Error(ErrorCode::kInput, where, "has learned steps of another shape");
    }
    return *steps;
  }

  // Positions that have static scales of their own.
  int64_t TokensOfScales() const {
    const bool by_token = scheme_.activation_scales == ActivationScales::kStaticToken;
    return by_token ? static_cast<int64_t>(request_.statistics->Of(node_.name, 0, 0).low.size())
                    : 1;
  }

  // Ranges from the extremes where these are asked for and the inputs are stored as they come;
  // otherwise from the calibration's rows, transformed.
  StaticScales MakeScales(const QuantizedLayer& layer, int bits) const {
    const CalibrationStatistics& statistics = *request_.statistics;
    const RangeMethod method = ParseRangeMethod(request_.recipe->activation_range);
    const bool symmetric = scheme_.activation_symmetric;
    const bool by_token = scheme_.activation_scales == ActivationScales::kStaticToken;
    StaticScales scales;
    scales.entries = statistics.ranges() * statistics.branches();
    scales.tokens = TokensOfScales();
    for (int range = 0; range < statistics.ranges(); ++range) {
      for (int branch = 0; branch < statistics.branches(); ++branch) {
        const InputStatistics& inputs = statistics.Of(node_.name, range, branch);
        for (int64_t token = 0; token < scales.tokens; ++token) {
          ValueRange found;
          if (by_token) {
            found = {inputs.low[token], inputs.high[token]};
          } else if (method == RangeMethod::kMinMax && !scheme_.transformed()) {
            found = {*std::min_element(inputs.low.begin(), inputs.low.end()),
                     *std::max_element(inputs.high.begin(), inputs.high.end())};
          } else {
            const size_t set = std::min<size_t>(range, layer.sets.size() - 1);
            found = FindRange(
                TransformInputs(node_.name, inputs.rows, channels_, layer.sets[set].transform),
                bits, symmetric, method, request_.recipe->percentile);
          }
          if (symmetric) found.high = std::max(found.high, -found.low);
          const Grid grid = GridOf(found, bits, symmetric);
          scales.scale.push_back(grid.scale);
          if (!symmetric) scales.offset.push_back(grid.offset);
        }
      }
    }
    return scales;
  }

  std::vector<float> FirstOutput() const {
    const std::vector<float> x = request_.statistics->FirstRow(node_.name);
    if (x.empty()) {
      throw Error(ErrorCode::kInput, "layer " + node_.name,
                  "has a first token that differs between prompts, so it has no stored output",
                  "bos_aware = false");
    }
    std::vector<float> out(outputs_, 0.0f);
    const bool bias = node_.parameters.count("bias") > 0;
    for (int64_t n = 0; n < outputs_; ++n) {
      double sum = bias ? request_.parameters->Get(node_.name + ".bias")[n] : 0;
      for (int64_t k = 0; k < inputs_; ++k) {
        sum += static_cast<double>(weights_[n * inputs_ + k]) * x[k];
      }
      out[n] = static_cast<float>(sum);
    }
    return out;
  }

  const LayerRequest& request_;
  const Node& node_;
  const LayerScheme& scheme_;
  std::span<const float> weights_;
  int64_t inputs_, outputs_, channels_;
};

}  // namespace

QuantizedLayer QuantizeLayer(const LayerRequest& request, NodeId id) {
  TMPQ_CHECK(request.statistics != nullptr || !request.recipe->NeedsCalibration(),
             "the recipe needs statistics");
  return LayerQuantizer(request, id).Run();
}

}  // namespace tmpq
