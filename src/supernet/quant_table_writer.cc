// What a table's file holds of a layer, and what a plan takes of it.
#include <map>
#include <set>

#include "kernels/include/packing.h"
#include "src/plan/stored_sums.h"
#include "src/supernet/quant_table.h"
#include "src/supernet/weight_sets.h"

namespace tmpq {

void QuantTable::Add(TensorFileWriter& writer, const std::string& layer,
                     const QuantizedLayer& content, const LayerScheme& scheme) {
  for (size_t s = 0; s < content.sets.size(); ++s) {
    const WeightSet& from = content.sets[s];
    const std::string set = content.sets.size() > 1 ? layer + ".s" + std::to_string(s) : layer;
    const auto length = [](const auto& values) { return static_cast<int64_t>(values.size()); };
    if (!from.transform.multiply.empty()) {
      writer.AddFloats(set + ".multiply", {length(from.transform.multiply)},
                       from.transform.multiply);
    }
    if (scheme.low_rank > 0) {
      writer.AddFloats(set + ".down", {scheme.low_rank, length(from.down) / scheme.low_rank},
                       from.down);
      writer.AddFloats(set + ".up", {length(from.up) / scheme.low_rank, scheme.low_rank}, from.up);
    }
    for (const auto& [bits, weights] : from.weights) {
      const std::string name = WeightName(set, bits);
      const int64_t groups = length(weights.scale) / weights.outputs;
      const std::vector<int64_t> shape = groups > 1 ? std::vector<int64_t>{groups, weights.outputs}
                                                    : std::vector<int64_t>{weights.outputs};
      if (!weights.data.empty()) {  // nested: the widest's alone
        writer.AddBytes(name + ".data", {length(weights.data)}, weights.data);
        writer.AddFloats(name + ".scale", shape, weights.scale);
      }
      const auto add_narrow = [&](const std::string& tensor, const std::vector<int32_t>& wide) {
        writer.AddInt16s(tensor, shape, std::vector<int16_t>(wide.begin(), wide.end()));
      };
      // Zero points are within 2^(bits-1) of 0.
      if (!scheme.weight_symmetric) add_narrow(name + ".offset", weights.offset);
      if (!scheme.activation_symmetric && StoredSumBytes(scheme.weight_group) == 2) {
        add_narrow(name + ".sums", weights.sums);
      } else if (!scheme.activation_symmetric) {
        writer.AddInt32s(name + ".sums", shape, weights.sums);
      }
    }
  }
  for (const auto& [bits, scales] : content.activations) {
    const std::string name = ActivationName(layer, bits);
    const std::vector<int64_t> shape = {scales.entries, scales.tokens};
    writer.AddFloats(name + ".scale", shape, scales.scale);
    if (!scales.offset.empty()) writer.AddInt32s(name + ".offset", shape, scales.offset);
  }
  if (!content.first_row.empty()) {
    writer.AddFloats(layer + ".first_row", {static_cast<int64_t>(content.first_row.size())},
                     content.first_row);
  }
}

void QuantTable::CopyTensor(TensorFileWriter& writer, const std::string& name) const {
  if (!file_->Has(name)) return;
  const TensorView& view = file_->Get(name);
  writer.Add(name, view.dtype, view.shape, view.data);
}

void QuantTable::CopyPanels(TensorFileWriter& writer, int site, const std::string& set,
                            int bits) const {
  const QuantSite& place = sites_->sites[site];
  const int64_t inputs = place.input_features, outputs = place.output_features;
  const std::string name = WeightName(set, bits);
  const int stored = StoredBits(set, bits);
  if (stored == bits) {
    CopyTensor(writer, name + ".data");
    return CopyTensor(writer, name + ".scale");
  }
  const std::string from = WeightName(set, stored);
  writer.AddFloats(name + ".scale", file_->Get(from + ".scale").shape, scales_.at(name));
  std::vector<int8_t> q(outputs * inputs);
  kernels::UnpackWeights(file_->Bytes(from + ".data").data(), outputs, inputs, stored, q.data());
  for (int8_t& value : q) value = static_cast<int8_t>(kernels::NarrowValue(value, stored, bits));
  std::vector<uint8_t> panels(kernels::PackedBytes(outputs, inputs, bits));
  kernels::PackWeights(q.data(), outputs, inputs, bits, panels.data());
  writer.AddBytes(name + ".data", {static_cast<int64_t>(panels.size())}, panels);
}

void QuantTable::CopyTo(TensorFileWriter& writer, int site, const Use& use) const {
  std::map<std::string, std::set<int>> bits_of_sets;
  for (const auto& [bits, range] : use.weights) {
    Weights(site, BitWidth::Of(bits), range);  // throws where there are none
    bits_of_sets[SetName(site, range)].insert(bits);
  }
  for (const auto& [set, widths] : bits_of_sets) {
    for (const int bits : widths) {
      const std::string name = WeightName(set, bits);
      if (!scheme_.nested || bits == *widths.rbegin()) CopyPanels(writer, site, set, bits);
      for (const char* part : {".offset", ".sums"}) CopyTensor(writer, name + part);
    }
    for (const char* part : {".multiply", ".down", ".up"}) CopyTensor(writer, set + part);
  }
  const std::string& layer = sites_->sites[site].layer;
  for (const int bits : use.activations) {
    for (const char* part : {".scale", ".offset"}) {
      CopyTensor(writer, ActivationName(layer, bits) + part);
    }
  }
  CopyTensor(writer, layer + ".first_row");
}

}  // namespace tmpq
