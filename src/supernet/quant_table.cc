#include "src/supernet/quant_table.h"

#include <algorithm>

#include "kernels/include/packing.h"
#include "src/core/error.h"
#include "src/plan/stored_sums.h"
#include "src/supernet/weight_sets.h"

namespace tmpq {
namespace {

constexpr int kWidestBits = 8;

}  // namespace

QuantTable::QuantTable(const TensorFile& file, const SiteTable& sites, QuantScheme scheme)
    : file_(&file), sites_(&sites), scheme_(std::move(scheme)) {
  for (size_t s = 0; s < sites.sites.size(); ++s) {
    if (sites.sites[s].kind == SiteKind::kWeight) IndexSite(static_cast<int>(s));
  }
}

int QuantTable::SetsOf(int site) const { return WeightSetsOf(scheme_, sites_->sites[site].layer); }

std::string QuantTable::SetName(int site, int range) const {
  return WeightSetName(scheme_, sites_->sites[site].layer, range);
}

int QuantTable::StoredBits(const std::string& set, int bits) const {
  while (bits < kWidestBits && !file_->Has(WeightName(set, bits) + ".data")) ++bits;
  return bits;
}

bool QuantTable::Holds(int site, const std::string& set, int bits) const {
  if (!scheme_.nested) return file_->Has(WeightName(set, bits) + ".scale");
  const bool summed = !scheme_.Of(sites_->sites[site].layer).activation_symmetric;
  return file_->Has(WeightName(set, StoredBits(set, bits)) + ".scale") &&
         (!summed || file_->Has(WeightName(set, bits) + ".sums"));
}

const float* QuantTable::Scales(const std::string& set, int bits,
                                const std::vector<int64_t>& shape) {
  const int stored = scheme_.nested ? StoredBits(set, bits) : bits;
  const std::span<const float> scales = file_->Floats(WeightName(set, stored) + ".scale", shape);
  if (stored == bits) return scales.data();
  std::vector<float>& narrow = scales_[WeightName(set, bits)];
  narrow.assign(scales.begin(), scales.end());
  for (float& scale : narrow) scale *= static_cast<float>(1 << (stored - bits));
  return narrow.data();
}

const int32_t* QuantTable::Widened(const std::string& name, const std::vector<int64_t>& shape) {
  const std::span<const int16_t> narrow = file_->Int16s(name, shape);
  std::vector<int32_t>& wide = widened_[name];
  wide.assign(narrow.begin(), narrow.end());
  return wide.data();
}

void QuantTable::IndexSite(int site) {
  const LayerScheme& layer = scheme_.Of(sites_->sites[site].layer);
  const int64_t channels = sites_->sites[site + 1].input_features;
  if (layer.rotated) {
    std::optional<Hadamard> hadamard = HadamardOf(channels);
    if (!hadamard) {
      throw Error(ErrorCode::kInput, file_->path().string() + ": " + sites_->sites[site].layer,
                  "has a rotation that its size does not allow");
    }
    rotations_[channels] = *std::move(hadamard);
  }
  for (int range = 0; range < scheme_.ranges(); ++range) {
    const std::string set = SetName(site, range);
    bool used = false;  // by a plan
    for (int bits = 2; bits <= kWidestBits; ++bits) {
      if (!Holds(site, set, bits)) continue;
      used = true;
      if (range < SetsOf(site)) weights_[{site, bits, range, 0}] = ReadWeights(site, bits, range);
    }
    if (!used) continue;
    if (layer.low_rank > 0 && range < SetsOf(site)) ReadBranch(site, set);
    std::vector<int> activation_bits = {BitWidth::kFloatBits};
    for (int bits = 2; bits <= kWidestBits; ++bits) {
      const std::string name = ActivationName(sites_->sites[site].layer, bits);
      if (!layer.is_static() || file_->Has(name + ".scale")) activation_bits.push_back(bits);
    }
    for (const int bits : activation_bits) {
      for (int branch = 0; branch < 2; ++branch) {
        const Place place = PlaceOfInputs(site, bits, range, branch);
        if (inputs_.count(place) == 0) inputs_[place] = ReadInputs(site, bits, range, branch);
      }
    }
  }
}

void QuantTable::ReadBranch(int site, const std::string& set) {
  const QuantSite& place = sites_->sites[site];
  const int64_t rank = scheme_.Of(place.layer).low_rank;
  if (rank > std::min(place.input_features, place.output_features)) {
    throw Error(ErrorCode::kInput, file_->path().string() + ": " + place.layer,
                "has a float branch of more rank than its matrix");
  }
  const auto read = [&](const std::string& name, int64_t rows, int64_t cols) {
    AlignedVector<float>& panels = panels_[name];
    panels.resize(kernels::FloatPanelElements(rows, cols));
    kernels::PackFloatPanels(file_->Floats(name, {rows, cols}).data(), rows, cols, panels.data());
  };
  read(set + ".down", rank, place.input_features);
  read(set + ".up", place.output_features, rank);
}

bool QuantTable::Has(int site, BitWidth width) const {
  for (int range = 0; range < SetsOf(site); ++range) {
    if (weights_.count({site, width.bits(), range, 0}) == 0) return false;
  }
  return true;
}

const PackedWeightView& QuantTable::Weights(int site, BitWidth width, int range) const {
  const auto found = weights_.find({site, width.bits(), SetsOf(site) > 1 ? range : 0, 0});
  if (found == weights_.end()) {
    throw Error(
        ErrorCode::kInput, file_->path().string(),
        "holds no weights of " + sites_->sites[site].layer + " at " + width.Name() + " bits");
  }
  return found->second;
}

// Inputs that do not depend on something share one place.
QuantTable::Place QuantTable::PlaceOfInputs(int site, int bits, int range, int branch) const {
  if (scheme_.Of(sites_->sites[site].layer).is_static()) {
    return {site, bits, range, scheme_.split_guidance ? branch : 0};
  }
  return {site, 0, SetsOf(site) > 1 ? range : 0, 0};
}

const LayerInputView& QuantTable::Inputs(int site, BitWidth width, int range, int branch) const {
  const auto found = inputs_.find(PlaceOfInputs(site, width.bits(), range, branch));
  if (found == inputs_.end()) {
    throw Error(ErrorCode::kInput, file_->path().string(),
                "does not say how inputs of " + sites_->sites[site].layer + " become integers of " +
                    width.Name() + " bits");
  }
  return found->second;
}

PackedWeightView QuantTable::ReadWeights(int site, int bits, int range) {
  const QuantSite& place = sites_->sites[site];
  const LayerScheme& layer = scheme_.Of(place.layer);
  const std::string set = SetName(site, range), name = WeightName(set, bits);
  const int stored = scheme_.nested ? StoredBits(set, bits) : bits;
  const int64_t inputs = place.input_features, outputs = place.output_features;
  const int64_t groups =
      layer.weight_group > 0 ? (inputs + layer.weight_group - 1) / layer.weight_group : 1;
  const std::vector<int64_t> shape =
      groups > 1 ? std::vector<int64_t>{groups, outputs} : std::vector<int64_t>{outputs};
  PackedWeightView view;
  view.bits = bits, view.stored_bits = stored;
  view.data = file_
                  ->Bytes(WeightName(set, stored) + ".data",
                          {kernels::PackedBytes(outputs, inputs, stored)})
                  .data();
  view.scale = Scales(set, bits, shape);
  if (!layer.weight_symmetric) view.offset = Widened(name + ".offset", shape);
  if (!layer.activation_symmetric) {
    view.sums = StoredSumBytes(layer.weight_group) == 2
                    ? Widened(name + ".sums", shape)
                    : file_->Int32s(name + ".sums", shape).data();
  }
  view.group = layer.weight_group;
  return view;
}

LayerInputView QuantTable::ReadInputs(int site, int bits, int range, int branch) const {
  const QuantSite& place = sites_->sites[site];
  const LayerScheme& layer = scheme_.Of(place.layer);
  const std::string set = SetName(site, range);
  LayerInputView view;
  view.symmetric = layer.activation_symmetric;
  if (layer.is_static() && bits != BitWidth::kFloatBits) {
    const std::string name = ActivationName(place.layer, bits);
    const std::vector<int64_t>& shape = file_->Get(name + ".scale").shape;
    const int branches = scheme_.split_guidance ? 2 : 1;
    if (shape.size() != 2 || shape[0] != scheme_.ranges() * branches || shape[1] < 1) {
      throw Error(ErrorCode::kInput, file_->path().string() + ": " + name,
                  "does not have a scale for each timestep range");
    }
    const int64_t at = (range * branches + std::min(branch, branches - 1)) * shape[1];
    view.fixed_rows = shape[1];
    view.fixed_scale = file_->Floats(name + ".scale").data() + at;
    if (!view.symmetric) view.fixed_offset = file_->Int32s(name + ".offset", shape).data() + at;
  }
  if (layer.transformed()) {
    const int64_t channels = sites_->sites[site + 1].input_features;
    view.multiply = file_->Floats(set + ".multiply", {channels}).data();
    if (layer.rotated) view.rotation = &rotations_.at(channels);
  }
  if (layer.low_rank > 0) {
    view.low_rank = layer.low_rank;
    view.down = panels_.at(set + ".down").data(), view.up = panels_.at(set + ".up").data();
  }
  if (layer.first_row) {
    view.first_row = file_->Floats(place.layer + ".first_row", {place.output_features}).data();
  }
  return view;
}

}  // namespace tmpq
