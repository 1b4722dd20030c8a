#include "src/supernet/supernet.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <string>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {
namespace {

constexpr const char* kMetadataKey = "tmpq.supernet";
constexpr const char* kFormat = "tmpq-supernet-2";

std::vector<int> IntegerBits(const std::vector<BitWidth>& widths) {
  std::vector<int> bits;
  for (const BitWidth width : widths) {
    if (width.bits() <= 8) bits.push_back(width.bits());
  }
  std::sort(bits.begin(), bits.end());
  bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
  return bits;
}

}  // namespace

void Supernet::Build(const Graph& graph, const ParameterSet& parameters, Hash128 model_hash,
                     const std::vector<BitWidth>& widths, const std::filesystem::path& path,
                     Progress& progress, const SupernetOptions& options) {
  LayerRequest request{&graph,
                       &parameters,
                       &options.recipe,
                       &options.scheme,
                       options.statistics,
                       IntegerBits(widths),
                       IntegerBits(options.activation_widths),
                       options.rounder,
                       options.steps};
  std::vector<NodeId> layers;
  for (size_t id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(static_cast<NodeId>(id));
    if (node.first_site >= 0 && node.kind != OpKind::kAttention &&
        !options.scheme.Of(node.name).keep_float) {
      layers.push_back(static_cast<NodeId>(id));
    }
  }
  const auto count = static_cast<int64_t>(layers.size());
  std::vector<QuantizedLayer> contents(count);
  std::vector<std::exception_ptr> errors(count);
  std::atomic<int64_t> done{0};
  progress.Begin("supernet", count, "layers");
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t i = 0; i < count; ++i) {
    try {
      contents[i] = QuantizeLayer(request, layers[i]);
    } catch (...) {
      errors[i] = std::current_exception();
    }
    ++done;
    if (omp_get_thread_num() == 0) progress.Update(done);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  TensorFileWriter writer;
  const Json metadata = {{"format", kFormat},
                         {"model", model_hash.Hex()},
                         {"graph", graph.hash().Hex()},
                         {"bits", request.weight_bits},
                         {"scheme", SchemeToJson(options.scheme)}};
  writer.SetMetadata(kMetadataKey, metadata.dump());
  for (int64_t i = 0; i < count; ++i) {
    const std::string& layer = graph.node(layers[i]).name;
    QuantTable::Add(writer, layer, contents[i], options.scheme.Of(layer));
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
  table_ = std::make_unique<QuantTable>(
      *file_, graph.sites(), SchemeFromJson(JsonGet<Json>(metadata, "scheme", where), where));
  for (size_t s = 0; s < graph.sites().sites.size(); ++s) {
    const QuantSite& site = graph.sites().sites[s];
    if (site.kind != SiteKind::kWeight || table_->scheme().Of(site.layer).keep_float) continue;
    for (const BitWidth width : widths) {
      for (int range = 0; range < table_->scheme().ranges() && !width.is_float(); ++range) {
        table_->Weights(static_cast<int>(s), width, range);
      }
    }
  }
}

}  // namespace tmpq
