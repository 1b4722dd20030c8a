// I3D (Carreira and Zisserman, arXiv 1705.07750), the inflated Inception of Kinetics-400 in its
// usual port to PyTorch (pytorch-i3d's InceptionI3d): the network of the Frechet video distance
// (Unterthiner et al., arXiv 1812.01717), which compares its logits.
#pragma once

#include <cstdint>
#include <filesystem>

#include "src/core/hash.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

struct I3dConfig {
  int64_t frames = 16;  // of a clip; 9 at least
  int64_t size = 224;   // pixels, both sides
  int64_t divisor = 1;  // of all channels but the clip's; 8 at most
  int64_t classes = 400;
};

// Nodes to cut the graph after.
inline constexpr const char* kI3dPooled = "avg_pool";       // (1024)
inline constexpr const char* kI3dLogits = "logits.conv3d";  // (classes), mean over time: FVD

// "sample" (frames, size, size, 3) in [-1, 1] -> (classes) logits. Convolutions have the port's
// module names; batch norms are folded into them. A convolution over frames is one over images
// whose channels are its window's frames side by side. No quantization sites. Throws kInput for
// fewer frames than the last pool needs.
Graph BuildI3d(const I3dConfig& config);

struct I3d {
  Graph graph;
  ParameterSet parameters;
  Hash128 hash;            // of the file
  bool full_size = false;  // divisor 1 and 400 classes: the published network
};

// Reads a safetensors file of the port's state dict (scripts/convert_weights.py makes it of the
// .pt), of any divisor, for clips of so many frames and pixels; batch norms (epsilon .001) go into
// the convolutions' weights and biases, in double. Throws kIo, kCorrupt, kInput.
I3d LoadI3d(const std::filesystem::path& file, int64_t frames, int64_t size = I3dConfig{}.size);
// Whether the tensors are named as the port's.
bool IsI3dFile(const std::filesystem::path& file);

}  // namespace tmpq
