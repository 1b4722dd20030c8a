#include "src/supernet/packed_weight_table.h"

#include <string>

#include "kernels/include/packing.h"
#include "src/core/error.h"

namespace tmpq {
namespace {

std::string Prefix(const std::string& layer, int bits) {
  return layer + ".w" + std::to_string(bits);
}

}  // namespace

PackedWeightTable::PackedWeightTable(const TensorFile& file, const SiteTable& sites)
    : file_(&file), sites_(&sites) {
  for (size_t s = 0; s < sites.sites.size(); ++s) {
    const QuantSite& site = sites.sites[s];
    if (site.kind != SiteKind::kWeight) continue;
    for (int bits = 2; bits <= 8; ++bits) {
      const std::string prefix = Prefix(site.layer, bits);
      if (!file.Has(prefix + ".data")) continue;
      const int64_t bytes = kernels::PackedBytes(site.output_features, site.input_features, bits);
      const int64_t outputs = site.output_features;
      views_[{static_cast<int>(s), BitWidth::Of(bits)}] = {
          bits, file.Bytes(prefix + ".data", {bytes}).data(),
          file.Floats(prefix + ".scale", {outputs}).data()};
    }
  }
}

const PackedWeightView& PackedWeightTable::Get(int site, BitWidth width) const {
  const auto found = views_.find({site, width});
  if (found == views_.end()) {
    throw Error(
        ErrorCode::kInput, file_->path().string(),
        "holds no weights of " + sites_->sites[site].layer + " at " + width.Name() + " bits");
  }
  return found->second;
}

void PackedWeightTable::Add(TensorFileWriter& writer, const std::string& layer,
                            const PackedWeights& weights) {
  const std::string prefix = Prefix(layer, weights.bits);
  writer.AddBytes(prefix + ".data", {static_cast<int64_t>(weights.data.size())}, weights.data);
  writer.AddFloats(prefix + ".scale", {weights.outputs}, weights.scale);
}

void PackedWeightTable::CopyTo(TensorFileWriter& writer, int site, BitWidth width) const {
  Get(site, width);
  const std::string prefix = Prefix(sites_->sites[site].layer, width.bits());
  for (const char* part : {".data", ".scale"}) {
    const TensorView& view = file_->Get(prefix + part);
    writer.Add(prefix + part, view.dtype, view.shape, view.data);
  }
}

}  // namespace tmpq
