#include "bench/network_cases.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "src/core/error.h"
#include "src/core/random.h"
#include "src/models/class_dit.h"
#include "src/models/dit.h"
#include "src/models/stdit.h"
#include "src/models/text_dit.h"
#include "src/models/unet.h"

namespace tmpq {
namespace {

Graph BuildTinyDit() {
  DitConfig dit;
  dit.image_height = dit.image_width = 8, dit.patch = 2, dit.width = 32, dit.depth = 2;
  return BuildDit(dit);
}

// Of DiT-XL/2's blocks 8, all with the same embedded timestep and label.
Graph BuildDit8Blocks() {
  DitConfig dit;
  dit.image_height = dit.image_width = 32, dit.channels = 4, dit.patch = 2;
  dit.width = 1152, dit.depth = 8, dit.heads = 16, dit.classes = 1000, dit.frequency_features = 256;
  return BuildDit(dit);
}

Graph BuildDitXl() { return BuildClassDit({}); }

Graph BuildPixartSigma512() {
  TextDitConfig dit;
  dit.image_height = dit.image_width = 64, dit.channels = 4, dit.output_channels = 8, dit.patch = 2;
  dit.width = 1152, dit.depth = 28, dit.heads = 16;
  dit.caption_tokens = 300, dit.caption_features = 4096, dit.caption_mask = true;
  return BuildTextDit(dit);
}

template <int64_t kSide>
Graph BuildStditXl() {
  StditConfig dit;
  dit.image_height = dit.image_width = kSide;
  return BuildStdit(dit);
}

Graph BuildStableDiffusion15() {
  UnetConfig unet;
  unet.image_height = unet.image_width = 64, unet.channels = unet.output_channels = 4;
  unet.block_channels = {320, 640, 1280, 1280}, unet.attention = {1, 1, 1, 0};
  unet.heads = {8, 8, 8, 8}, unet.transformer_layers = {1, 1, 1, 1};
  unet.layers_per_block = 2, unet.norm_groups = 32;
  unet.context_tokens = 77, unet.context_features = 768;
  return BuildUnet(unet);
}

struct NetworkCase {
  const char* name;
  Graph (*build)();
  bool usual;
};
constexpr NetworkCase kNetworks[] = {{"dit-xl-2-8-blocks", BuildDit8Blocks, true},
                                     {"dit-xl-2-256", BuildDitXl, true},
                                     {"pixart-sigma-xl-2-512", BuildPixartSigma512, true},
                                     {"sd-1.5", BuildStableDiffusion15, true},
                                     {"stdit-xl-2-16x256x256", BuildStditXl<32>, true},
                                     {"stdit-xl-2-16x512x512", BuildStditXl<64>, false},
                                     {"tiny-dit", BuildTinyDit, false}};

bool IsNorm(OpKind kind) {
  return kind == OpKind::kLayerNorm || kind == OpKind::kGroupNorm || kind == OpKind::kRmsNorm;
}

}  // namespace

std::vector<std::string> UsualNetworks() {
  std::vector<std::string> names;
  for (const NetworkCase& network : kNetworks) {
    if (network.usual) names.push_back(network.name);
  }
  return names;
}

bool IsNetwork(const std::string& name) {
  return std::any_of(std::begin(kNetworks), std::end(kNetworks),
                     [&](const NetworkCase& network) { return name == network.name; });
}

Graph BuildNetwork(const std::string& name) {
  std::string names;
  for (const NetworkCase& network : kNetworks) {
    if (name == network.name) return network.build();
    names += (names.empty() ? "" : ", ") + std::string(network.name);
  }
  throw Error(ErrorCode::kUsage, "--networks", "\"" + name + "\" is no network", names);
}

ParameterSet RandomWeights(const Graph& graph) {
  constexpr float kTableSize = 0.1f;  // of biases, positions, labels, modulation tables
  constexpr uint64_t kSeed = 1;
  ParameterSet parameters;
  std::vector<std::pair<std::span<float>, float>> fills;  // values, standard deviation
  for (const Node& node : graph.nodes()) {
    for (const auto& [role, shape] : node.parameters) {
      const std::string name = node.name + "." + role;
      const bool weight = role == "weight", norm = IsNorm(node.kind);
      parameters.Set(name, std::vector<float>(ElementsOf(shape), weight && norm ? 1.0f : 0.0f));
      if (norm) continue;
      const bool product = node.kind == OpKind::kLinear || node.kind == OpKind::kConv2d;
      const auto fan_in = static_cast<float>(ElementsOf(shape) / shape[0]);
      fills.emplace_back(parameters.Mutable(name),
                         weight && product ? 1 / std::sqrt(fan_in) : kTableSize);
    }
  }
#pragma omp parallel for schedule(dynamic, 1)
  for (size_t i = 0; i < fills.size(); ++i) {
    const auto& [values, deviation] = fills[i];
    FillNormal(kSeed, RandomPurpose::kInitialWeights, i, values);
    for (float& value : values) value *= deviation;
  }
  return parameters;
}

}  // namespace tmpq
