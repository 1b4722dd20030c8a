#include "src/models/inception.h"

#include <utility>
#include <vector>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"
#include "src/models/checkpoint.h"
#include "src/models/folded_norm.h"
#include "src/models/narrowed_port.h"

namespace tmpq {
namespace {

constexpr int64_t kSide = 299, kStemChannels = 32, kMostDivisor = 16;
constexpr double kEpsilon = 0.001;  // of the batch norms
constexpr const char* kFirstWeight = "Conv2d_1a_3x3.conv.weight";
constexpr const char* kLastWeight = "fc.weight";

constexpr Window kPoint{};
constexpr Window kWide{1, 7, 1, 0, 3}, kHigh{7, 1, 1, 3, 0};     // 1 x 7 and 7 x 1
constexpr Window kWide3{1, 3, 1, 0, 1}, kHigh3{3, 1, 1, 1, 0};   // 1 x 3 and 3 x 1
constexpr Window kSame3{3, 3, 1, 1, 1}, kSame5{5, 5, 1, 2, 2};   // that keep the size
constexpr Window kValid3{3, 3, 1, 0, 0}, kHalve{3, 3, 2, 0, 0};  // without padding

enum class LastPool { kAverage, kMax };

// The parts of the network, with module names as node names.
struct Parts {
  GraphBuilder& b;
  int64_t divisor;
  bool stored;  // with the parameters as the port's file has them: unfolded

  NodeId Conv(const std::string& name, NodeId x, int64_t channels, const Window& window) const {
    const NodeId y = b.Conv2d(name + ".conv", x, channels / divisor, window);
    for (const char* part : kNormParts) {
      if (stored) b.Parameter(name + ".bn." + part, {channels / divisor});
    }
    return b.Relu(name + ".relu", y);
  }

  // One after the other: {name, channels, window}.
  struct Layer {
    const char* name;
    int64_t channels;
    Window window;
  };
  NodeId Chain(const std::string& p, NodeId x, const std::vector<Layer>& layers) const {
    for (const Layer& layer : layers) x = Conv(p + layer.name, x, layer.channels, layer.window);
    return x;
  }

  // A pool that keeps the size, then a convolution.
  NodeId PoolBranch(const std::string& p, NodeId x, int64_t channels,
                    LastPool pool = LastPool::kAverage) const {
    x = pool == LastPool::kMax ? b.MaxPool(p + "pool", x, kSame3)
                               : b.AveragePool(p + "pool", x, kSame3);
    return Conv(p + "branch_pool", x, channels, kPoint);
  }

  NodeId A(const std::string& p, NodeId x, int64_t pool_channels) const {
    return b.Concat(p + "out",
                    {Conv(p + "branch1x1", x, 64, kPoint),
                     Chain(p, x, {{"branch5x5_1", 48, kPoint}, {"branch5x5_2", 64, kSame5}}),
                     Chain(p, x,
                           {{"branch3x3dbl_1", 64, kPoint},
                            {"branch3x3dbl_2", 96, kSame3},
                            {"branch3x3dbl_3", 96, kSame3}}),
                     PoolBranch(p, x, pool_channels)});
  }

  NodeId B(const std::string& p, NodeId x) const {
    return b.Concat(p + "out", {Conv(p + "branch3x3", x, 384, kHalve),
                                Chain(p, x,
                                      {{"branch3x3dbl_1", 64, kPoint},
                                       {"branch3x3dbl_2", 96, kSame3},
                                       {"branch3x3dbl_3", 96, kHalve}}),
                                b.MaxPool(p + "pool", x, kHalve)});
  }

  NodeId C(const std::string& p, NodeId x, int64_t inner) const {
    return b.Concat(p + "out", {Conv(p + "branch1x1", x, 192, kPoint),
                                Chain(p, x,
                                      {{"branch7x7_1", inner, kPoint},
                                       {"branch7x7_2", inner, kWide},
                                       {"branch7x7_3", 192, kHigh}}),
                                Chain(p, x,
                                      {{"branch7x7dbl_1", inner, kPoint},
                                       {"branch7x7dbl_2", inner, kHigh},
                                       {"branch7x7dbl_3", inner, kWide},
                                       {"branch7x7dbl_4", inner, kHigh},
                                       {"branch7x7dbl_5", 192, kWide}}),
                                PoolBranch(p, x, 192)});
  }

  NodeId D(const std::string& p, NodeId x) const {
    return b.Concat(p + "out",
                    {Chain(p, x, {{"branch3x3_1", 192, kPoint}, {"branch3x3_2", 320, kHalve}}),
                     Chain(p, x,
                           {{"branch7x7x3_1", 192, kPoint},
                            {"branch7x7x3_2", 192, kWide},
                            {"branch7x7x3_3", 192, kHigh},
                            {"branch7x7x3_4", 192, kHalve}}),
                     b.MaxPool(p + "pool", x, kHalve)});
  }

  NodeId E(const std::string& p, NodeId x, LastPool pool) const {
    const NodeId first = Conv(p + "branch1x1", x, 320, kPoint);
    const NodeId narrow = Conv(p + "branch3x3_1", x, 384, kPoint);
    const NodeId twice =
        Chain(p, x, {{"branch3x3dbl_1", 448, kPoint}, {"branch3x3dbl_2", 384, kSame3}});
    return b.Concat(p + "out",
                    {first, Conv(p + "branch3x3_2a", narrow, 384, kWide3),
                     Conv(p + "branch3x3_2b", narrow, 384, kHigh3),
                     Conv(p + "branch3x3dbl_3a", twice, 384, kWide3),
                     Conv(p + "branch3x3dbl_3b", twice, 384, kHigh3), PoolBranch(p, x, 192, pool)});
  }
};

Graph Build(const InceptionConfig& config, bool stored) {
  GraphBuilder b("inception-v3");
  const Parts parts{b, config.divisor, stored};
  NodeId x = b.Input("sample", {kSide, kSide, 3});
  x = parts.Chain("", x,
                  {{"Conv2d_1a_3x3", kStemChannels, kHalve},
                   {"Conv2d_2a_3x3", 32, kValid3},
                   {"Conv2d_2b_3x3", 64, kSame3}});
  x = b.MaxPool("pool1", x, kHalve);
  b.MeanPool(kInceptionFeatures64, x);
  x = parts.Chain("", x, {{"Conv2d_3b_1x1", 80, kPoint}, {"Conv2d_4a_3x3", 192, kValid3}});
  x = b.MaxPool("pool2", x, kHalve);
  b.MeanPool(kInceptionFeatures192, x);
  x = parts.A("Mixed_5b.", x, 32);
  x = parts.A("Mixed_5c.", x, 64);
  x = parts.A("Mixed_5d.", x, 64);
  x = parts.B("Mixed_6a.", x);
  x = parts.C("Mixed_6b.", x, 128);
  x = parts.C("Mixed_6c.", x, 160);
  x = parts.C("Mixed_6d.", x, 160);
  x = parts.C("Mixed_6e.", x, 192);
  b.MeanPool(kInceptionFeatures768, x);
  x = parts.D("Mixed_7a.", x);
  x = parts.E("Mixed_7b.", x, LastPool::kAverage);
  x = parts.E("Mixed_7c.", x, LastPool::kMax);
  x = b.MeanPool(kInceptionFeatures2048, x);
  x = b.Linear(kInceptionUnbiasedLogits, x, config.classes, /*bias=*/false);
  return b.Finish(b.AddParameter(kInceptionLogits, x, {config.classes}));
}

// A convolution and the batch norm after it as one convolution.
void Fold(const ParameterSet& stored, const std::string& module, const std::string& where,
          ParameterSet& folded) {
  const std::string name = module + ".conv.weight";
  FoldedConvolution convolution =
      FoldNorm(stored.Get(name), stored, module + ".bn.", kEpsilon, where);
  folded.Set(name, std::move(convolution.weights));
  folded.Set(module + ".conv.bias", std::move(convolution.biases));
}

}  // namespace

Graph BuildInception(const InceptionConfig& config) { return Build(config, /*stored=*/false); }

bool IsInceptionFile(const std::filesystem::path& file) {
  const TensorFile tensors(file, TensorFile::Checksum::kIfPresent);
  return tensors.Has(kFirstWeight) || tensors.Has("Mixed_7c.branch1x1.conv.weight");
}

Inception LoadInception(const std::filesystem::path& file) {
  const Checkpoint checkpoint(file, "");
  InceptionConfig config;
  SetWidths(checkpoint, {kFirstWeight, kLastWeight, kStemChannels, kMostDivisor}, config);
  const Graph stored_graph = Build(config, /*stored=*/true);
  ParameterSource source;
  for (const auto& [name, shape] : stored_graph.parameters()) {
    if (name.ends_with(".conv.bias")) source.computed[name].resize(ElementsOf(shape));
  }
  for (const auto& [name, view] : checkpoint.tensors()) {
    if (name.ends_with(".num_batches_tracked")) source.ignored.insert(name);
  }
  const ParameterSet stored = LoadParameters(checkpoint, stored_graph, source);
  Inception inception{BuildInception(config),
                      {},
                      checkpoint.hash(),
                      config.divisor == 1 && config.classes == InceptionConfig{}.classes};
  for (const auto& [name, shape] : inception.graph.parameters()) {
    const std::string suffix = ".conv.weight";
    if (name.ends_with(suffix)) {
      Fold(stored, name.substr(0, name.size() - suffix.size()), file.string(),
           inception.parameters);
    } else if (!inception.parameters.Has(name)) {
      const auto values = stored.Get(name);
      inception.parameters.Set(name, {values.begin(), values.end()});
    }
  }
  return inception;
}

}  // namespace tmpq
