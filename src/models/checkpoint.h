// Checkpoints of other programs: safetensors in one file or in shards with an index, in float32,
// float16 or bfloat16.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/core/tensor_file.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

// All tensors of a checkpoint by name, memory-mapped. Const-safe.
class Checkpoint {
 public:
  // `folder` holds "<stem>.safetensors", or "<stem>.safetensors.index.json" and its shards; a file
  // is taken as it is. Throws kIo, kCorrupt, kInput: an index may only name files beside it, that
  // exist and hold what it says.
  Checkpoint(const std::filesystem::path& folder, const std::string& stem);

  const std::filesystem::path& path() const { return path_; }
  // Over all files, whole.
  Hash128 hash() const;
  const std::map<std::string, const TensorView*>& tensors() const { return tensors_; }
  bool Has(const std::string& name) const { return tensors_.count(name) > 0; }
  // The tensor's values as float32. Throws kInput for other types than F32, F16, BF16.
  std::vector<float> Floats(const std::string& name) const;
  // The tensor's values as int32. Throws kInput for other types than BOOL, U8, I32, I64, and beyond
  // int32.
  std::vector<int32_t> Integers(const std::string& name) const;

 private:
  void AddFile(const std::filesystem::path& path);

  std::filesystem::path path_;
  std::vector<std::unique_ptr<TensorFile>> files_;
  std::map<std::string, const TensorView*> tensors_;
};

// How a graph's parameters are found in a checkpoint.
struct ParameterSource {
  // Parameters that no tensor holds, computed: by the graph's name.
  std::map<std::string, std::vector<float>> computed;
  // The same, but a tensor of the name is preferred: fixed tables that some files store.
  std::map<std::string, std::vector<float>> fallback;
  // Other names that a tensor may have, tried in turn after its own.
  std::function<std::vector<std::string>(const std::string&)> aliases;
  std::set<std::string> ignored;  // tensors that no parameter needs
};

// Fills every parameter of `graph`. Convolution weights [N, C, h, w] become [N, h, w, C]; shapes
// that differ in how they group the same dimensions are taken. Missing, misshaped, non-finite and
// unknown tensors are named all at once in one kInput error.
ParameterSet LoadParameters(const Checkpoint& checkpoint, const Graph& graph,
                            const ParameterSource& source);

}  // namespace tmpq
