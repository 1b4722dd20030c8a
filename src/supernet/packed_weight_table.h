// Packed weights of (site, bit-width) pairs in a safetensors file, memory-mapped. The supernet's
// file holds every candidate bit-width of every weight site; a plan's file holds those that the
// plan uses.
#pragma once

#include <map>
#include <utility>

#include "src/core/tensor_file.h"
#include "src/plan/candidate.h"
#include "src/quant/weight_quantizer.h"

namespace tmpq {

// Pointers into a mapped file, or into a PackedWeights: what a kernel call needs.
struct PackedWeightView {
  int bits = 0;
  const uint8_t* data = nullptr;  // packed panels
  const float* scale = nullptr;   // (N)
};

// Tensors are named "<layer>.w<bits>.data|scale". Views live as long as the file. Const-safe.
class PackedWeightTable {
 public:
  // Indexes every packed weight of `sites` that `file` holds. Throws kInput/kCorrupt on wrong
  // sizes.
  PackedWeightTable(const TensorFile& file, const SiteTable& sites);

  bool Has(int site, BitWidth width) const { return views_.count({site, width}) > 0; }
  // Throws kInput naming the layer when the file does not hold that width.
  const PackedWeightView& Get(int site, BitWidth width) const;

  static void Add(TensorFileWriter& writer, const std::string& layer, const PackedWeights& weights);
  // Copies one entry of `from` into `writer`, byte for byte.
  void CopyTo(TensorFileWriter& writer, int site, BitWidth width) const;

 private:
  const TensorFile* file_;
  const SiteTable* sites_;
  std::map<std::pair<int, BitWidth>, PackedWeightView> views_;
};

}  // namespace tmpq
