// What the layers of a network store to run in integers, in a safetensors file, memory-mapped. A
// supernet's file holds every candidate bit-width of every weight site; a plan's file holds those
// that the plan uses. Tensors are named in docs/formats.md.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "src/core/aligned.h"
#include "src/core/tensor_file.h"
#include "src/plan/candidate.h"
#include "src/plan/quant_scheme.h"
#include "src/quant/layer_quantizer.h"
#include "src/supernet/supernet_size.h"

namespace tmpq {

// Pointers into a mapped file: what a product needs of its weights.
struct PackedWeightView {
  int bits = 0;
  int stored_bits = 0;              // of the panels: more than bits where storage is nested
  const uint8_t* data = nullptr;    // packed panels
  const float* scale = nullptr;     // (groups, N)
  const int32_t* offset = nullptr;  // (groups, N), or null: symmetric
  const int32_t* sums = nullptr;    // (groups, N), or null: activations are symmetric
  int64_t group = 0;                // inputs of a group; 0: one group

  bool operator==(const PackedWeightView&) const = default;
};

// How a layer's inputs become integers, and what goes beside the integers.
struct LayerInputView {
  bool symmetric = true;
  const float* fixed_scale = nullptr;  // (fixed_rows), or null: dynamic
  const int32_t* fixed_offset = nullptr;
  int64_t fixed_rows = 0;
  const float* multiply = nullptr;  // (channels) or null
  const Hadamard* rotation = nullptr;
  int64_t low_rank = 0;
  const float *down = nullptr, *up = nullptr;  // float panels of (rank, K) and (N, rank)
  const float* first_row = nullptr;            // (N) or null

  bool operator==(const LayerInputView&) const = default;
};

// Views live as long as the file and the table. Const-safe.
class QuantTable {
 public:
  // Indexes everything of `sites` that `file` holds. Throws kInput/kCorrupt on wrong sizes.
  QuantTable(const TensorFile& file, const SiteTable& sites, QuantScheme scheme);

  QuantTable(const QuantTable&) = delete;
  QuantTable& operator=(const QuantTable&) = delete;

  const QuantScheme& scheme() const { return scheme_; }
  // The file's bytes by part, for each mask set.
  std::vector<SupernetSize> SizesByMaskSet() const {
    return tmpq::SizesByMaskSet(*file_, *sites_, scheme_);
  }
  // For steps of any timestep range.
  bool Has(int site, BitWidth width) const;
  // Weights of a site at a bit-width, for steps of a timestep range. Throws kInput naming the layer
  // when the file does not hold that.
  const PackedWeightView& Weights(int site, BitWidth width, int range) const;
  // Inputs of the layer whose weight site is `site`, at the activation's bit-width (Float: what is
  // done to them, but for scales); `branch` 1: guidance's unconditional one. Throws as Weights.
  const LayerInputView& Inputs(int site, BitWidth width, int range, int branch) const;

  static void Add(TensorFileWriter& writer, const std::string& layer, const QuantizedLayer& content,
                  const LayerScheme& scheme);

  // What a plan uses of one layer.
  struct Use {
    std::set<std::pair<int, int>> weights;  // (bits, range)
    std::set<int> activations;              // bits
  };
  // Copies that into `writer`; nested weights are stored at the widest bit-width in use.
  void CopyTo(TensorFileWriter& writer, int site, const Use& use) const;

 private:
  using Place = std::tuple<int, int, int, int>;  // site, bits, range, branch
  // How many sets of weights a site has.
  int SetsOf(int site) const;
  std::string SetName(int site, int range) const;
  // Whether the file holds a set's weights at these bits; nested: whatever is not wider than what
  // is stored.
  bool Holds(int site, const std::string& set, int bits) const;
  // Nested: the bits of the panels that `bits` are the high bits of.
  int StoredBits(const std::string& set, int bits) const;
  // A set's scales, (groups, N); nested: those that are stored times a power of two.
  const float* Scales(const std::string& set, int bits, const std::vector<int64_t>& shape);
  Place PlaceOfInputs(int site, int bits, int range, int branch) const;
  void IndexSite(int site);
  // Integers of a set, (groups, N), widened from 16 bits.
  const int32_t* Widened(const std::string& name, const std::vector<int64_t>& shape);
  PackedWeightView ReadWeights(int site, int bits, int range);
  LayerInputView ReadInputs(int site, int bits, int range, int branch) const;
  void ReadBranch(int site, const std::string& set);
  void CopyTensor(TensorFileWriter& writer, const std::string& name) const;
  // With their scales.
  void CopyPanels(TensorFileWriter& writer, int site, const std::string& set, int bits) const;

  const TensorFile* file_;
  const SiteTable* sites_;
  QuantScheme scheme_;
  std::map<int64_t, Hadamard> rotations_;                // by channels
  std::map<std::string, AlignedVector<float>> panels_;   // float branches, by tensor
  std::map<std::string, std::vector<float>> scales_;     // nested ones, by the tensor they would be
  std::map<std::string, std::vector<int32_t>> widened_;  // by the tensor of 16 bits
  std::map<Place, PackedWeightView> weights_;
  std::map<Place, LayerInputView> inputs_;
};

}  // namespace tmpq
