#include "src/graph/parameters.h"

#include <algorithm>
#include <cmath>

#include "src/core/error.h"

namespace tmpq {

std::span<const float> ParameterSet::Get(const std::string& name) const {
  const auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  const auto view = views_.find(name);
  TMPQ_CHECK(view != views_.end(), "no parameter " + name);
  return view->second;
}

std::span<float> ParameterSet::Mutable(const std::string& name) {
  const auto found = values_.find(name);
  TMPQ_CHECK(found != values_.end(), "no parameter " + name);
  return found->second;
}

ParameterSet ParameterSet::Load(const TensorFile& file, const Graph& graph,
                                const std::string& prefix, bool allow_extra) {
  ParameterSet set;
  std::string problems;
  const auto report = [&](const std::string& name, const std::string& what) {
    problems += (problems.empty() ? "" : ", ") + name + " (" + what + ")";
  };
  std::map<std::string, bool> known;
  for (const auto& [name, shape] : graph.parameters()) {
    known[prefix + name] = true;
    if (!file.Has(prefix + name)) {
      report(prefix + name, "missing");
      continue;
    }
    const TensorView& view = file.Get(prefix + name);
    if (view.shape != shape || view.dtype != DType::kF32) {
      report(prefix + name, std::string("is ") + NameOf(view.dtype) + " " + ShapeText(view.shape) +
                                ", not F32 " + ShapeText(shape));
      continue;
    }
    const std::span<const float> values = file.Floats(prefix + name);
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      report(prefix + name, "holds NaN or infinity");
      continue;
    }
    set.Set(name, {values.begin(), values.end()});
  }
  for (const auto& [name, view] : file.tensors()) {
    if (!allow_extra && known.count(name) == 0) report(name, "unknown");
  }
  if (!problems.empty()) {
    throw Error(ErrorCode::kInput, file.path().string(),
                "does not fit the network " + graph.name() + ": " + problems);
  }
  return set;
}

void ParameterSet::Save(TensorFileWriter& writer, const Graph& graph,
                        const std::string& prefix) const {
  for (const auto& [name, shape] : graph.parameters()) {
    writer.AddFloats(prefix + name, shape, Get(name));
  }
}

}  // namespace tmpq
