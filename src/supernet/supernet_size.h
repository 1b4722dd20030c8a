// The bytes of a supernet's or a plan's file by what they hold.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "src/core/tensor_file.h"
#include "src/graph/graph.h"
#include "src/plan/quant_scheme.h"

namespace tmpq {

// Bytes by part: "packed integers", "weight scales", "weight zero points", "weight sums",
// "transform vectors", "float branches", "static activations", "first rows".
using SupernetSize = std::map<std::string, int64_t>;

// One size a mask set: what steps of one timestep range need, of layers that are balanced by range
// their set, of the others all. Parts that nothing has are left out. The file's header is not
// counted. Throws kInput naming a tensor that is of no layer.
std::vector<SupernetSize> SizesByMaskSet(const TensorFile& file, const SiteTable& sites,
                                         const QuantScheme& scheme);

// Bytes of the float parameters that no integers replace.
int64_t FloatBytesBeside(const Graph& graph, const QuantScheme& scheme);

}  // namespace tmpq
