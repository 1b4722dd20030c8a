#include "src/supernet/supernet_size.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

// The tensor's last name: "blocks.0.qkv.w4.data" -> {"blocks.0.qkv.w4", "data"}.
std::pair<std::string, std::string> SplitLast(const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

// What a tensor is, and the set (or layer) that it is of; empty: unknown.
std::pair<std::string, std::string> PartOf(const std::string& name) {
  const auto [owner, role] = SplitLast(name);
  if (role == "multiply") return {"transform vectors", owner};
  if (role == "down" || role == "up") return {"float branches", owner};
  if (role == "first_row") return {"first rows", owner};
  const auto [set, width] = SplitLast(owner);
  if (width.size() == 2 && width[0] == 'a') return {"static activations", set};
  if (role == "data") return {"packed integers", set};
  if (role == "scale") return {"weight scales", set};
  if (role == "offset") return {"weight zero points", set};
  if (role == "sums") return {"weight sums", set};
  return {};
}

}  // namespace

std::vector<SupernetSize> SizesByMaskSet(const TensorFile& file, const SiteTable& sites,
                                         const QuantScheme& scheme) {
  const int sets = scheme.weight_sets();
  std::map<std::string, int> set_of_name;  // -1: every set's
  for (const QuantSite& site : sites.sites) {
    if (site.kind != SiteKind::kWeight) continue;
    set_of_name[site.layer] = -1;
    for (int set = 0; set < sets && scheme.Of(site.layer).balanced; ++set) {
      set_of_name[site.layer + ".s" + std::to_string(set)] = sets > 1 ? set : -1;
    }
  }
  std::vector<SupernetSize> sizes(sets);
  for (const auto& [name, tensor] : file.tensors()) {
    const auto [part, owner] = PartOf(name);
    const auto found = set_of_name.find(owner);
    if (found == set_of_name.end()) {
      throw Error(ErrorCode::kInput, file.path().string() + ": " + name, "is of no layer");
    }
    for (int set = 0; set < sets; ++set) {
      if (found->second >= 0 && found->second != set) continue;
      sizes[set][part] += static_cast<int64_t>(tensor.data.size());
    }
  }
  return sizes;
}

int64_t FloatBytesBeside(const Graph& graph, const QuantScheme& scheme) {
  int64_t replaced = 0;
  for (const QuantSite& site : graph.sites().sites) {
    if (site.kind == SiteKind::kWeight && !scheme.Of(site.layer).keep_float) {
      replaced += site.elements;
    }
  }
  return 4 * (graph.parameter_count() - replaced);
}

}  // namespace tmpq
