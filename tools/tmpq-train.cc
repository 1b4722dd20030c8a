// tmpq-train CONFIG.ini: trains a bundled model or feature network into CONFIG's folder.
#include <cstdio>
#include <string>

#include "kernels/include/kernels.h"
#include "src/core/config.h"
#include "src/core/file.h"
#include "src/core/interrupt.h"
#include "src/data/image_set.h"
#include "src/metrics/feature_extractor.h"
#include "src/metrics/feature_statistics.h"
#include "src/models/contrastive_encoder.h"
#include "src/models/dit.h"
#include "src/models/feature_net.h"
#include "src/models/model_file.h"
#include "src/models/text_dit.h"
#include "src/models/unet.h"
#include "src/schedule/sampler.h"
#include "src/torch/torch_device.h"
#include "src/train/accuracy.h"
#include "src/train/trainer.h"
#include "tools/common/program.h"

namespace tmpq {
namespace {

// Of generated data: a data set is used whole.
constexpr int64_t kTestSamples = 5000, kStatisticsSamples = 30000;

// The INI file: training keys at the top, the network's under [model].
struct TrainFile {
  TrainConfig train;
  Graph graph;
};

template <typename Config>
Config NetworkConfig(const std::map<std::string, std::string>& values, const std::string& where) {
  Config config;
  ApplyValues(config, values, where);
  return config;
}

Graph BuildNetwork(const TrainConfig& train, const std::map<std::string, std::string>& values,
                   const std::string& where) {
  if (train.task == "classify") {
    return BuildFeatureClassifier(NetworkConfig<FeatureNetConfig>(values, where));
  }
  if (train.task == "contrast" || train.task == "preference") {
    return BuildContrastiveEncoder(NetworkConfig<ContrastiveEncoderConfig>(values, where));
  }
  if (train.network == "dit") return BuildDit(NetworkConfig<DitConfig>(values, where));
  if (train.network == "unet") return BuildUnet(NetworkConfig<UnetConfig>(values, where));
  if (train.network == "text-dit") {
    return BuildTextDit(NetworkConfig<TextDitConfig>(values, where));
  }
  throw Error(ErrorCode::kUsage, where, "network \"" + train.network + "\" is unknown",
              "known are dit, unet and text-dit");
}

TrainFile ReadTrainFile(const std::filesystem::path& path) {
  TrainFile file;
  std::map<std::string, std::string> train, model;
  for (const auto& [key, value] : ReadIni(path)) {
    const bool of_model = key.rfind("model.", 0) == 0;
    (of_model ? model : train)[of_model ? key.substr(6) : key] = value;
  }
  ApplyValues(file.train, train, path.string());
  if (file.train.name.empty()) throw Error(ErrorCode::kUsage, path.string(), "has no key \"name\"");
  file.train.Validate();
  file.graph = BuildNetwork(file.train, model, path.string() + ": [model]");
  return file;
}

std::string LossCurve(const std::vector<float>& loss) {
  std::string text = "step,loss\n";
  for (size_t i = 0; i < loss.size(); ++i) {
    text += std::to_string(i + 1) + "," + std::to_string(loss[i]) + "\n";
  }
  return text;
}

// Mean and covariance of the training images' features, as the search's distances compare with.
FeatureStatistics StatisticsOf(const std::filesystem::path& weights, const ImageSet& data,
                               Progress& progress) {
  const ModelFile model = ModelFile::Load(weights);  // its hash names the feature space
  const FeatureExtractor extractor(model.graph.CutAfter(kFeatureNode), model.parameters, model.hash,
                                   kernels::BestKernels());
  progress.Begin("features of the training set", data.count, "images");
  FeatureAccumulator accumulator(extractor.dimension(), extractor.hash());
  accumulator.Add(extractor.Extract(data.pixels, 0, &progress));
  progress.End();
  return accumulator.Finish();
}

// What is tested of a task, by name: as people read it, and as the model's file has it.
struct TestNames {
  const char *said, *key;
};

TestNames NamesOfTest(const std::string& task) {
  if (task == "classify") return {"accuracy", "test_accuracy"};
  if (task == "contrast") return {"retrieval of the right caption", "test_retrieval"};
  return {"ranking of pairs", "test_ranking"};
}

Accuracy TestAccuracy(const TrainFile& file, const ParameterSet& parameters,
                      const SampleSource& data) {
  if (file.train.task == "preference") {
    return PreferenceAccuracy(file.graph, parameters, *data.world(), kTestSamples, file.train.seed);
  }
  const ImageSet test = Materialize(file.train.data, Split::kTest, kTestSamples, file.train.seed);
  return file.train.task == "classify"
             ? ClassifierAccuracy(file.graph, parameters, test, Labelling(file.train.label, data))
             : RetrievalAccuracy(file.graph, parameters, test, *data.world());
}

// Of samples that training has not seen; said on stderr, and what the model's file tells of it.
Json TestOf(const TrainFile& file, const ParameterSet& parameters, const SampleSource& data) {
  const Accuracy accuracy = TestAccuracy(file, parameters, data);
  const TestNames names = NamesOfTest(file.train.task);
  std::fprintf(stderr, "test %s %.4f on %lld samples\n", names.said, accuracy.whole,
               static_cast<long long>(accuracy.samples));
  for (const auto& [name, share] : accuracy.parts) {
    std::fprintf(stderr, "  %-12s %.4f\n", name.c_str(), share);
  }
  Json result = {{"test_samples", accuracy.samples}, {names.key, accuracy.whole}};
  if (accuracy.parts.size() > 1) {
    result[file.train.task == "preference" ? "test_by_flaw" : "test_by_attribute"] =
        accuracy.PartsJson();
  }
  if (file.train.task == "contrast") result["captions"] = data.world()->count();
  return result;
}

// ModelFile::sampling of what was trained.
Json SamplingOf(const TrainConfig& config, const SampleSource& data) {
  if (config.task == "classify") return nullptr;
  Json sampling = Json::object();
  if (config.task == "denoise") {
    SamplerSettings sampler;
    sampler.prediction = Prediction::kV;
    sampler.guidance_scale = config.guidance_scale;
    sampling = {{"schedule", NoiseSchedule::Make(config.schedule, config.training_steps).ToJson()},
                {"sampler", sampler.ToJson()},
                {"feature_net", config.feature_net}};
  }
  if (data.world() != nullptr) {
    sampling["text"] = {{"vocabulary", data.world()->vocabulary().ToJson()}};
    if (config.task == "denoise") {
      sampling["text"]["prompts"] = CaptionsOf(*data.world());
      sampling["text"]["judge"] = data.world()->name();
    }
    if (config.task == "preference") sampling["text"]["logit_scale"] = 1 / config.temperature;
  }
  return sampling;
}

void RunTraining(const cxxopts::ParseResult& arguments) {
  if (arguments.count("config") == 0) {
    throw Error(ErrorCode::kUsage, "command line", "names no config",
                "for example: tmpq-train checkpoints/fashion-dit/train.ini");
  }
  KeepFreedMemory();
  UseTorchDevice(arguments["device"].as<std::string>());
  const std::filesystem::path config_path = arguments["config"].as<std::string>();
  const TrainFile file = ReadTrainFile(config_path);
  const std::filesystem::path out = arguments.count("out") > 0
                                        ? std::filesystem::path(arguments["out"].as<std::string>())
                                        : config_path.parent_path();
  const auto work = std::filesystem::path(arguments["work"].as<std::string>()) / file.train.name;
  const auto weights = out / "weights.safetensors", checkpoint = work / "checkpoint.safetensors";
  RefuseToOverwrite(weights, arguments.count("overwrite") > 0);
  if (arguments.count("resume") == 0 && std::filesystem::exists(checkpoint)) {
    throw Error(ErrorCode::kUsage, checkpoint.string(), "is a checkpoint of an earlier run",
                "give --resume to go on, or remove it to begin anew");
  }
  PrepareFolder(out);
  PrepareFolder(work);

  const auto data = OpenSampleSource(file.train.data, Split::kTrain);
  TerminalProgress progress = MakeProgress();
  const TrainSession session{checkpoint, &progress, &InstallInterruptHandler()};
  TrainResult result = Train(file.graph, *data, file.train, session);

  ModelFile model{file.train.name,
                  file.graph,
                  std::move(result.parameters),
                  SamplingOf(file.train, *data),
                  {{"data", data->description()}, {"config", ConfigText(file.train)}},
                  {}};
  if (file.train.task != "denoise") {
    model.training.update(TestOf(file, model.parameters, *data));
  }
  WriteFileAtomically(out / "loss.csv", LossCurve(result.loss));
  model.Save(weights);
  std::fprintf(stderr, "wrote %s and %s\n", weights.c_str(), (out / "loss.csv").c_str());
  if (file.train.task == "classify") {
    const auto statistics = out / "statistics.safetensors";
    const ImageSet reference =
        Materialize(file.train.data, Split::kTrain, kStatisticsSamples, file.train.seed);
    WriteFeatureStatistics(StatisticsOf(weights, reference, progress), statistics);
    std::fprintf(stderr, "wrote %s\n", statistics.c_str());
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  return tmpq::RunProgram(
      argc, argv,
      {"tmpq-train", "Trains a bundled model or feature network; resumable.", "CONFIG.ini"},
      [](cxxopts::Options& options) {
        options.add_options()("config", "INI file: see checkpoints/*/train.ini",
                              cxxopts::value<std::string>())(
            "out", "folder of weights.safetensors and loss.csv (default: the config's)",
            cxxopts::value<std::string>())(
            "work", "folder of checkpoints",
            cxxopts::value<std::string>()->default_value("runs/train"))(
            "device", "auto (a GPU where LibTorch has one), cpu or cuda; a part of the result",
            cxxopts::value<std::string>()->default_value("auto"))(
            "resume", "go on from the checkpoint in the work folder")("overwrite",
                                                                      "replace existing weights");
        options.parse_positional({"config"});
      },
      tmpq::RunTraining);
}
