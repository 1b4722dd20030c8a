#include "src/eval/models/feature_space.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/core/random.h"
#include "src/eval/models/image_processor.h"
#include "src/models/component_config.h"
#include "src/models/contrastive_encoder.h"
#include "src/models/encoder.h"
#include "src/models/feature_net.h"
#include "src/models/i3d.h"
#include "src/models/inception.h"
#include "src/models/model_file.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kRandomSeed = 20260;  // of the random features, part of what they are
constexpr const char* kInceptionName = "inception-v3";
constexpr const char* kI3dName = "i3d";

// Names that people try, and what they have to name instead.
struct Hint {
  const char *name, *missing, *remedy;
};
constexpr Hint kHints[] = {
    {"inception", "InceptionV3's weights are not here: they do not come with this program",
     "get pt_inception-2015-12-05-6726825d.pth, the weights of the usual FID port (pytorch-fid), "
     "then: scripts/convert_weights.py pt_inception-2015-12-05-6726825d.pth inception.safetensors, "
     "and name it with --feature-net inception.safetensors"},
    {"clip", "CLIP's weights are not here: they do not come with this program",
     "name the folder of a CLIPModel or CLIPVisionModelWithProjection (config.json, "
     "model.safetensors, preprocessor_config.json) with --feature-net FOLDER"},
    {"videomae", "VideoMAE's weights are not here: they do not come with this program",
     "name the folder of a VideoMAEModel or VideoMAEForVideoClassification (config.json, "
     "model.safetensors, preprocessor_config.json) with --feature-net FOLDER"},
    {"i3d", "I3D's weights are not here: they do not come with this program",
     "get i3d_pretrained_400.pt or rgb_imagenet.pt, the weights of the usual port (pytorch-i3d), "
     "then: scripts/convert_weights.py i3d_pretrained_400.pt i3d.safetensors, and name it with "
     "--feature-net i3d.safetensors"},
};

// He's rule for SiLU networks; norms are ones and zeros.
ParameterSet RandomWeights(const Graph& graph) {
  ParameterSet parameters;
  uint64_t stream = 0;
  for (const Node& node : graph.nodes()) {
    for (const auto& [role, shape] : node.parameters) {
      std::vector<float> values(ElementsOf(shape));
      if (shape.size() > 1) {
        FillNormal(kRandomSeed, RandomPurpose::kInitialWeights, stream++, values);
        const double fan_in = static_cast<double>(values.size()) / static_cast<double>(shape[0]);
        for (float& value : values) value *= static_cast<float>(std::sqrt(2 / fan_in));
      } else if (node.kind == OpKind::kGroupNorm && role == "weight") {
        std::fill(values.begin(), values.end(), 1.0f);
      }
      parameters.Set(node.name + "." + role, std::move(values));
    }
  }
  return parameters;
}

FeatureSpace RandomSpace(const Shape& shape) {
  if (shape.size() < 3) {
    throw Error(ErrorCode::kInput, kRandomFeatures, "are of images or clips",
                "these samples are " + ShapeText(shape));
  }
  FeatureNetConfig config;
  if (shape.size() > 3) config.frames = shape[shape.size() - 4];
  config.image_height = shape[shape.size() - 3], config.image_width = shape[shape.size() - 2];
  config.channels = shape.back();
  config.classes = 1;
  const Graph graph = BuildFeatureClassifier(config).CutAfter(kFeatureNode);
  const Hash128 hash =
      HashString(graph.ToJson().dump() + kRandomFeatures + std::to_string(kRandomSeed));
  return {kRandomFeatures, std::make_unique<FeatureExtractor>(graph, RandomWeights(graph), hash,
                                                              kernels::BestKernels())};
}

[[noreturn]] void Lacks(const std::string& name, FeatureOutput output) {
  const bool maps = output == FeatureOutput::kMaps;
  throw Error(ErrorCode::kUnsupported, "feature network " + name,
              maps ? "has no spatial maps" : "has no logits of classes",
              maps ? "InceptionV3 has: --feature-net inception"
                   : "networks that classify have: --feature-net inception, or a bundled one");
}

bool HasNode(const Graph& graph, const std::string& name) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(),
                     [&](const Node& node) { return node.name == name; });
}

// A network of tmpq's own: bundled, trained or brought as network.json.
FeatureSpace OwnSpace(const ModelFile& model, const FeatureSpaceOptions& options) {
  const bool classifier = HasNode(model.graph, kFeatureNode);
  if (options.output == FeatureOutput::kMaps ||
      (options.output == FeatureOutput::kLogits && !classifier)) {
    Lacks(model.name, options.output);
  }
  Graph graph = model.graph;
  if (classifier && options.output == FeatureOutput::kFeatures) {
    graph = graph.CutAfter(kFeatureNode);
  } else if (HasNode(graph, kSampleEmbeddingNode)) {
    graph = graph.CutAfter(kSampleEmbeddingNode);
  }
  return {model.name,
          std::make_unique<FeatureExtractor>(
              graph, model.parameters, model.hash, kernels::BestKernels(),
              Preprocessing{.filter = options.resize.value_or(ResizeFilter::kBicubic)})};
}

// The numbers that each program gives the network, which its filter stands for: pytorch-fid
// 2 x - 1 for x in [0, 1]; clean-fid and torch-fidelity (x - 128) / 128 for bytes.
Preprocessing InceptionPreprocessing(ResizeFilter filter) {
  Preprocessing p;
  p.filter = filter;
  p.values = PictureValues::kClipped;
  if (filter != ResizeFilter::kBilinear) p.mean = p.deviation = std::vector<double>(3, 128.0 / 255);
  return p;
}

const char* InceptionNode(FeatureOutput output) {
  switch (output) {
    case FeatureOutput::kMaps:
      return kInceptionMaps;
    case FeatureOutput::kLogits:
      return kInceptionUnbiasedLogits;
    default:
      return kInceptionFeatures2048;
  }
}

FeatureSpace InceptionSpace(const fs::path& file, const FeatureSpaceOptions& options) {
  const Inception inception = LoadInception(file);
  const ResizeFilter filter = options.resize.value_or(ResizeFilter::kBicubic);
  const Preprocessing preprocessing = InceptionPreprocessing(filter);
  return {kInceptionName,
          std::make_unique<FeatureExtractor>(
              inception.graph.CutAfter(InceptionNode(options.output)), inception.parameters,
              HashString(inception.hash.Hex() + ToJson(preprocessing).dump()),
              kernels::BestKernels(), preprocessing),
          inception.full_size && filter != ResizeFilter::kTriangle ? PublishedNetwork::kInception
                                                                   : PublishedNetwork::kNone};
}

// Of clips as FVD's programs prepare them: the shorter side to 224 pixels, the middle, [-1, 1].
FeatureSpace I3dSpace(const fs::path& file, const Shape& shape,
                      const FeatureSpaceOptions& options) {
  if (options.output == FeatureOutput::kMaps) Lacks(kI3dName, options.output);
  if (!shape.empty() && shape.size() != 4) {
    throw Error(ErrorCode::kInput, file.string(), "is I3D, which sees clips",
                "these samples are " + ShapeText(shape) + "; InceptionV3 sees images");
  }
  const I3d i3d = LoadI3d(file, shape.empty() ? I3dConfig{}.frames : shape[0]);
  const ResizeFilter filter = options.resize.value_or(ResizeFilter::kBilinear);
  Preprocessing preprocessing;
  preprocessing.filter = filter, preprocessing.values = PictureValues::kClipped;
  preprocessing.shorter_side = I3dConfig{}.size;
  return {kI3dName,
          std::make_unique<FeatureExtractor>(
              i3d.graph, i3d.parameters, HashString(i3d.hash.Hex() + ToJson(preprocessing).dump()),
              kernels::BestKernels(), preprocessing),
          i3d.full_size && filter == ResizeFilter::kBilinear ? PublishedNetwork::kI3d
                                                             : PublishedNetwork::kNone};
}

// A folder of transformers.
FeatureSpace TransformersSpace(const fs::path& folder, const FeatureSpaceOptions& options) {
  const Encoder encoder = LoadEncoder(folder);
  const std::string name = fs::weakly_canonical(folder).filename().string();
  const auto output =
      options.output == FeatureOutput::kFeatures
          ? std::find_if(encoder.outputs.begin(), encoder.outputs.end(),
                         [](const auto& item) {
                           return item.first == "image_embeds" || item.first == "video_embeds";
                         })
          : encoder.outputs.find(options.output == FeatureOutput::kLogits ? "logits" : "maps");
  if (output == encoder.outputs.end()) {
    if (options.output != FeatureOutput::kFeatures) Lacks(name, options.output);
    throw Error(ErrorCode::kInput, folder.string(),
                "holds a " + encoder.class_name + ", which sees no pictures");
  }
  const Graph& graph = output->second;
  Preprocessing preprocessing =
      ReadImageProcessor(folder, graph.node(graph.FindInput("pixel_values")).shape);
  if (options.resize.has_value()) preprocessing.filter = options.resize;
  return {name, std::make_unique<FeatureExtractor>(
                    graph, encoder.parameters,
                    HashString(encoder.hash.Hex() + ToJson(preprocessing).dump()),
                    kernels::BestKernels(), preprocessing)};
}

FeatureSpace NamedSpace(const std::string& name, const Shape& shape, const fs::path& bundled,
                        const FeatureSpaceOptions& options) {
  if (fs::is_regular_file(fs::path(name) / kConfigName)) return TransformersSpace(name, options);
  if (IsNetworkFolder(name)) return OwnSpace(LoadNetworkFolder(name), options);
  if (fs::path(name).extension() == ".pth" || fs::path(name).extension() == ".pt") {
    throw Error(ErrorCode::kUnsupported, name, "is a pickled file, which is not read",
                "scripts/convert_weights.py turns it into safetensors");
  }
  for (const Hint& hint : kHints) {
    if (name != hint.name || fs::exists(name) || fs::exists(bundled / name)) continue;
    throw Error(ErrorCode::kIo, "feature network " + name, hint.missing, hint.remedy);
  }
  const fs::path path = FindModel(name, bundled);
  if (IsInceptionFile(path)) return InceptionSpace(path, options);
  if (IsI3dFile(path)) return I3dSpace(path, shape, options);
  return OwnSpace(ModelFile::Load(path), options);
}

}  // namespace

Json ToJson(const std::string& name, const FeatureExtractor& features) {
  return {{"name", name},
          {"hash", features.hash().Hex()},
          {"preprocessing", ToJson(features.preprocessing())}};
}

FeatureSpace OpenFeatureSpace(const std::string& name, const Shape& shape, const fs::path& bundled,
                              const FeatureSpaceOptions& options) {
  if (name.empty() || name == kRandomFeatures) {
    if (options.output != FeatureOutput::kFeatures) Lacks(kRandomFeatures, options.output);
    return RandomSpace(shape);
  }
  FeatureSpace space = NamedSpace(name, shape, bundled, options);
  if (!shape.empty()) space.features->CheckShape(shape);
  return space;
}

fs::path StatisticsPath(const std::string& name, const fs::path& bundled) {
  if (fs::is_regular_file(fs::path(name) / kConfigName) || IsNetworkFolder(name)) return {};
  const fs::path path = FindModel(name, bundled).parent_path() / "statistics.safetensors";
  return fs::exists(path) ? path : fs::path();
}

}  // namespace tmpq
