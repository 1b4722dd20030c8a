#include "src/supernet/supernet.h"

#include <string>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.supernet";
constexpr const char* kFormat = "tmpq-supernet-1";

}  // namespace

void Supernet::Build(const Graph& graph, const ParameterSet& parameters, Hash128 model_hash,
                     const std::vector<BitWidth>& widths, const std::filesystem::path& path,
                     Progress& progress) {
  const SiteTable& table = graph.sites();
  TensorFileWriter writer;
  Json names = Json::array();
  for (const BitWidth width : widths) names.push_back(width.bits());
  const Json metadata = {{"format", kFormat},
                         {"model", model_hash.Hex()},
                         {"graph", graph.hash().Hex()},
                         {"bits", names}};
  writer.SetMetadata(kMetadataKey, metadata.dump());

  progress.Begin("supernet", static_cast<int64_t>(table.sites.size()), "sites");
  int64_t done = 0;
  for (const QuantSite& site : table.sites) {
    if (site.kind == SiteKind::kWeight) {
      const std::span<const float> weights = parameters.Get(site.layer + ".weight");
      for (const BitWidth width : widths) {
        if (width.is_float()) continue;
        PackedWeightTable::Add(writer, site.layer,
                               Pack(QuantizeWeights(site.layer, weights, site.output_features,
                                                    site.input_features, width)));
      }
    }
    progress.Update(++done);
  }
  writer.Write(path);
  progress.End();
}

Supernet::Supernet(const std::filesystem::path& path, const Graph& graph, Hash128 model_hash,
                   const std::vector<BitWidth>& widths) {
  file_ = std::make_unique<TensorFile>(path, TensorFile::Checksum::kRequired);
  const std::string where = path.string();
  const Json metadata = ParseJson(file_->Metadata(kMetadataKey), where);
  if (JsonGet<std::string>(metadata, "format", where) != kFormat) {
    throw Error(ErrorCode::kInput, where, std::string("is not of format ") + kFormat);
  }
  if (JsonGet<std::string>(metadata, "model", where) != model_hash.Hex() ||
      JsonGet<std::string>(metadata, "graph", where) != graph.hash().Hex()) {
    throw Error(ErrorCode::kInput, where, "is the supernet of another model",
                "name the model it was made from, or let it be made again");
  }
  table_ = std::make_unique<PackedWeightTable>(*file_, graph.sites());
  for (size_t s = 0; s < graph.sites().sites.size(); ++s) {
    if (graph.sites().sites[s].kind != SiteKind::kWeight) continue;
    for (const BitWidth width : widths) {
      if (!width.is_float()) table_->Get(static_cast<int>(s), width);
    }
  }
}

}  // namespace tmpq
