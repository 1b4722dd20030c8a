// A network's float parameters by name, checked against its graph.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "src/core/tensor_file.h"
#include "src/graph/graph.h"

namespace tmpq {

// Owns its data, but for views. Const-safe.
class ParameterSet {
 public:
  void Set(const std::string& name, std::vector<float> values) {
    values_[name] = std::move(values);
  }
  // Values that outlive this set and its copies: those of a mapped file.
  void SetView(const std::string& name, std::span<const float> values) { views_[name] = values; }
  bool Has(const std::string& name) const {
    return values_.count(name) > 0 || views_.count(name) > 0;
  }
  std::span<const float> Get(const std::string& name) const;
  // Of what is owned.
  std::span<float> Mutable(const std::string& name);
  const std::map<std::string, std::vector<float>>& values() const { return values_; }

  // Reads the tensors "<prefix><parameter>" of every parameter of `graph`. Missing, misshaped,
  // non-float and (when `allow_extra` is false) unknown tensors are named all at once in one kInput
  // error; so is NaN.
  static ParameterSet Load(const TensorFile& file, const Graph& graph,
                           const std::string& prefix = "", bool allow_extra = false);
  // Adds every parameter to `writer` under "<prefix><parameter>".
  void Save(TensorFileWriter& writer, const Graph& graph, const std::string& prefix = "") const;

 private:
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, std::span<const float>> views_;
};

}  // namespace tmpq
