// A file as scripts/convert_weights.py makes it of the usual port's I3D, with random weights.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/core/tensor_file.h"
#include "src/models/i3d.h"

namespace tmpq {

// `without`: a tensor that is left out.
inline void WriteI3dFile(const std::filesystem::path& path, int64_t divisor, int64_t classes,
                         const std::string& without = "") {
  TensorFileWriter writer;
  uint64_t stream = 0;
  const auto add = [&](const std::string& name, const Shape& shape, double mean, double deviation) {
    std::vector<float> values(ElementsOf(shape));
    FillNormal(3, RandomPurpose::kTest, stream++, values);
    for (float& value : values) value = static_cast<float>(mean + deviation * value);
    if (name != without) writer.AddFloats(name, shape, values);
  };
  const Graph graph = BuildI3d({.divisor = divisor, .classes = classes});
  for (const auto& [name, shape] : graph.parameters()) {
    const std::string ending = ".conv3d.weight";
    if (!name.ends_with(ending)) continue;
    const std::string module = name.substr(0, name.size() - ending.size());
    const int64_t outputs = shape[0], side = shape.size() > 2 ? shape[1] : 1;
    const int64_t channels = shape.back() / side;  // windows have as many frames as pixels
    const double inputs = static_cast<double>(ElementsOf(shape)) / static_cast<double>(outputs);
    add(name, {outputs, channels, side, side, side}, 0, std::sqrt(2 / inputs));
    if (module == "logits") {
      add("logits.conv3d.bias", {outputs}, 0, 1);
      continue;
    }
    add(module + ".bn.weight", {outputs}, 1, .2), add(module + ".bn.bias", {outputs}, 0, .2);
    add(module + ".bn.running_mean", {outputs}, 0, .3);
    add(module + ".bn.running_var", {outputs}, 1, .05);
    add(module + ".bn.num_batches_tracked", {1}, 0, 0);
  }
  writer.Write(path);
}

}  // namespace tmpq
