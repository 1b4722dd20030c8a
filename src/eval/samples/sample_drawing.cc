#include "src/eval/samples/sample_drawing.h"

#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/core/tensor_file.h"
#include "src/eval/models/pipeline_model.h"
#include "src/runtime/device/device_sampling.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSamplesTensor = "samples";

std::string NameOfFloatSamples(const SampleSource& source, const SamplingRun& run,
                               const ConditionList& conditions, const SampleEvaluation& settings) {
  const DiffusionSampler& sampler = source.sampler();
  Hasher hasher;
  const auto add = [&](const auto& values) { hasher.Update(std::as_bytes(std::span(values))); };
  add(source.model_hash().Hex());
  add(sampler.settings().ToJson().dump() + sampler.schedule().ToJson().dump());
  add(run.timesteps.values());
  add(std::vector<uint64_t>{settings.seed, static_cast<uint64_t>(settings.count)});
  add(conditions.values);
  for (const auto& [name, tensor] : conditions.tensors) {
    add(name), add(tensor.values), add(tensor.null_value);
  }
  return hasher.Finish().Hex() + ".safetensors";
}

std::vector<float> ReadSamples(const fs::path& path) {
  const TensorFile file(path);
  const auto values = file.Floats(kSamplesTensor);
  return {values.begin(), values.end()};
}

void WriteSamples(const std::vector<float>& samples, const fs::path& path) {
  PrepareFolder(path.parent_path());
  TensorFileWriter writer;
  writer.AddFloats(kSamplesTensor, {static_cast<int64_t>(samples.size())}, samples);
  writer.Write(path);
}

}  // namespace

Drawn DrawSamples(const SampleSource& source, const SamplingRun& run,
                  const ConditionList& conditions, const SampleEvaluation& settings,
                  bool with_trajectory, bool in_float) {
  const DiffusionSampler& sampler = source.sampler();
  Drawn drawn;
  drawn.timesteps = run.timesteps;
  fs::path kept;
  if (in_float && !with_trajectory && !settings.float_cache.empty()) {
    kept = settings.float_cache / NameOfFloatSamples(source, run, conditions, settings);
  }
  std::vector<float> samples;
  if (!kept.empty() && fs::exists(kept)) {
    samples = ReadSamples(kept);
  } else {
    SamplerOptions options;
    options.batch = settings.batch, options.threads = settings.threads;
    options.interrupted = settings.interrupted, options.progress = settings.progress;
    if (with_trajectory) options.trajectory = &drawn.trajectory;
    if (settings.device != nullptr) {
      options.network_call = MakeDeviceCalls(sampler.network(), *settings.device,
                                             settings.batch * sampler.calls_per_step())();
    }
    settings.progress->Begin("sampling", settings.count, "samples");
    samples = sampler.Sample(
        run, {settings.seed, RandomPurpose::kSampleNoise, 0, settings.count, conditions}, options);
    settings.progress->End();
    if (!kept.empty()) WriteSamples(samples, kept);
  }
  Pictures pictures = DecodeSamples(source.pipeline(), std::move(samples), sampler.sample_shape(),
                                    settings.threads);
  drawn.pictures.shape = pictures.shape;
  drawn.pictures.shape.insert(drawn.pictures.shape.begin(), settings.count);
  drawn.pictures.values = std::move(pictures.values);
  drawn.pictures.sampled = true;
  return drawn;
}

}  // namespace tmpq
