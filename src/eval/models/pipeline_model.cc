#include "src/eval/models/pipeline_model.h"

#include <cmath>

#include "kernels/include/kernels.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/metrics/feature_extractor.h"
#include "src/models/autoencoder.h"
#include "src/models/checkpoint.h"
#include "src/models/component_config.h"
#include "src/models/diffusers.h"
#include "src/models/pipeline.h"
#include "src/schedule/scheduler_config.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// Guidance scales that diffusers' pipelines have unless told otherwise; others are not guided.
double DefaultGuidance(const std::string& pipeline_class) {
  struct Default {
    const char* name;
    double scale;
  };
  constexpr Default kDefaults[] = {{"StableDiffusionPipeline", 7.5},
                                   {"StableDiffusionXLPipeline", 5.0},
                                   {"PixArtAlphaPipeline", 4.5},
                                   {"PixArtSigmaPipeline", 4.5},
                                   {"LattePipeline", 7.5},
                                   {"HunyuanDiTPipeline", 5.0},
                                   {"DiTPipeline", 4.0}};
  for (const Default& item : kDefaults) {
    if (pipeline_class == item.name) return item.scale;
  }
  return 1;
}

// The one component of a kind that may be missing.
const PipelineComponent* Find(const Pipeline& pipeline, ComponentKind kind) {
  const auto names = pipeline.NamesOf(kind);
  return names.empty() ? nullptr : &pipeline.Get(names[0]);
}

}  // namespace

ModelFile LoadPipelineModel(const fs::path& folder) {
  if (!fs::exists(folder / kPipelineIndexName)) {
    throw Error(ErrorCode::kInput, folder.string(), "is one component, not a pipeline",
                std::string("sampling needs a folder with ") + kPipelineIndexName +
                    "; tmpq-predict takes components");
  }
  const Pipeline pipeline = LoadPipeline(folder);
  const PipelineComponent* denoiser = Find(pipeline, ComponentKind::kDenoiser);
  const PipelineComponent* scheduler = Find(pipeline, ComponentKind::kScheduler);
  if (denoiser == nullptr || scheduler == nullptr) {
    throw Error(ErrorCode::kInput, folder.string(), "is not a pipeline to sample from",
                "it needs a unet or transformer and a scheduler");
  }
  DiffusersNetwork network = LoadDiffusers(denoiser->folder);
  SchedulerConfig config = LoadSchedulerConfig(scheduler->folder);
  ModelFile model;
  const fs::path absolute = fs::weakly_canonical(folder);
  model.name = absolute.filename().string();
  model.graph = std::move(network.graph);
  model.parameters = std::move(network.parameters);
  config.settings.guidance_scale = DefaultGuidance(pipeline.class_name);
  const NodeId sample = model.graph.FindInput("sample");
  config.settings.learned_variance = config.settings.learned_variance && sample >= 0 &&
                                     model.graph.output_shape() != model.graph.node(sample).shape;
  model.sampling = {{"schedule", config.schedule.ToJson(true)},
                    {"sampler", config.settings.ToJson()},
                    {"pipeline", absolute.string()}};
  model.hash = HashString(model.graph.hash().Hex() + model.sampling["schedule"].dump() +
                          Checkpoint(denoiser->folder, kDiffusersWeights).hash().Hex());
  return model;
}

ConditionList ReadEncodedPrompts(const fs::path& path, const Graph& graph) {
  const Checkpoint file(path, "");
  ConditionList list;
  for (const Node* node : FloatConditions(graph)) {
    const std::string null_name = "null." + node->name;
    for (const std::string& name : {node->name, null_name}) {
      if (file.Has(name)) continue;
      throw Error(ErrorCode::kInput, path.string(), "has no tensor " + name,
                  "encoded prompts are (rows, " + ShapeText(node->shape) + ")");
    }
    list.tensors[node->name] = {file.Floats(node->name), file.Floats(null_name)};
  }
  return list;
}

Pictures DecodeSamples(const fs::path& folder, std::vector<float> samples, const Shape& shape,
                       int threads) {
  if (folder.empty()) return {std::move(samples), shape};
  const Pipeline pipeline = LoadPipeline(folder);
  const PipelineComponent* component = Find(pipeline, ComponentKind::kAutoencoder);
  if (component == nullptr) return {std::move(samples), shape};
  DiffusersOptions options;
  const int64_t factor = AutoencoderFactor(component->folder);
  options.height = shape[shape.size() - 3] * factor;
  options.width = shape[shape.size() - 2] * factor;
  const Autoencoder autoencoder = LoadAutoencoder(component->folder, options);
  const FeatureExtractor decoder(autoencoder.decoder, autoencoder.decoder_parameters, {},
                                 kernels::BestKernels());
  const auto scale = static_cast<float>(1 / autoencoder.scaling_factor),
             shift = static_cast<float>(autoencoder.shift_factor);
  for (float& value : samples) value = std::fmaf(value, scale, shift);
  Pictures pictures{decoder.Extract(samples, threads), autoencoder.decoder.output_shape()};
  if (shape.size() == 4) pictures.shape.insert(pictures.shape.begin(), shape[0]);
  return pictures;
}

}  // namespace tmpq
