// InceptionV3 (Szegedy et al., arXiv 1512.00567) as the Frechet distance looks through it: the
// network of the TensorFlow graph of 2015-12-05 in its usual port to PyTorch (pytorch-fid's
// fid_inception_v3), whose blocks differ from torchvision's in their pools.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "src/core/hash.h"
#include "src/graph/graph.h"
#include "src/graph/parameters.h"

namespace tmpq {

struct InceptionConfig {
  int64_t divisor = 1;  // of all channels but the image's; 16 at most
  int64_t classes = 1008;
};

// Nodes to cut the graph after.
inline constexpr const char* kInceptionFeatures64 = "features_64";      // after the first max pool
inline constexpr const char* kInceptionFeatures192 = "features_192";    // after the second
inline constexpr const char* kInceptionFeatures768 = "features_768";    // after Mixed_6e
inline constexpr const char* kInceptionFeatures2048 = "features_2048";  // pool3: FID, KID
// (17, 17, 192): the TensorFlow graph's mixed_6/conv, whose first 7 channels are sFID's.
inline constexpr const char* kInceptionMaps = "Mixed_6d.branch1x1.relu";
inline constexpr const char* kInceptionLogits = "fc.bias";
// Without the last bias, as the first Inception score code has them and torch-fidelity after it.
inline constexpr const char* kInceptionUnbiasedLogits = "fc";

// "sample" (299, 299, 3), normalised as in training -> (classes) logits. The other outputs are cut
// off by name: means over positions. Convolutions have the port's module names; batch norms are
// folded into them. No quantization sites.
Graph BuildInception(const InceptionConfig& config);

struct Inception {
  Graph graph;
  ParameterSet parameters;
  Hash128 hash;            // of the file
  bool full_size = false;  // divisor 1 and 1008 classes: the published network
};

// Reads a safetensors file of the port's state dict (scripts/convert_weights.py makes it of the
// .pth), of any divisor; batch norms (epsilon .001) go into the convolutions' weights and biases,
// in double. Throws kIo, kCorrupt, kInput.
Inception LoadInception(const std::filesystem::path& file);
// Whether the tensors are named as the port's.
bool IsInceptionFile(const std::filesystem::path& file);

}  // namespace tmpq
