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
#include "src/models/dit.h"
#include "src/models/feature_net.h"
#include "src/models/model_file.h"
#include "src/models/text_dit.h"
#include "src/models/unet.h"
#include "src/schedule/sampler.h"
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

void RunTraining(const cxxopts::ParseResult& arguments) {
  if (arguments.count("config") == 0) {
    throw Error(ErrorCode::kUsage, "command line", "names no config",
                "for example: tmpq-train checkpoints/fashion-dit/train.ini");
  }
  KeepFreedMemory();
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

  const bool classify = file.train.task == "classify";
  const auto statistics = out / "statistics.safetensors";
  const Graph& graph = file.graph;
  const auto data = OpenSampleSource(file.train.data, Split::kTrain);
  TerminalProgress progress = MakeProgress();
  const TrainSession session{checkpoint, &progress, &InstallInterruptHandler()};
  const TrainResult result = Train(graph, *data, file.train, session);

  ModelFile model;
  model.name = file.train.name;
  model.parameters = result.parameters;
  model.training = {{"data", data->description()}, {"config", ConfigText(file.train)}};
  if (classify) {
    const ImageSet test = Materialize(file.train.data, Split::kTest, kTestSamples, file.train.seed);
    const double accuracy = ClassifierAccuracy(graph, result.parameters, test);
    std::fprintf(stderr, "test accuracy %.4f on %lld images\n", accuracy,
                 static_cast<long long>(test.count));
    model.training["test_accuracy"] = accuracy;
    model.graph = graph;
  } else {
    model.graph = graph;
    SamplerSettings sampler;
    sampler.prediction = Prediction::kV;
    sampler.guidance_scale = file.train.guidance_scale;
    model.sampling = {
        {"schedule", NoiseSchedule::Make(file.train.schedule, file.train.training_steps).ToJson()},
        {"sampler", sampler.ToJson()},
        {"feature_net", file.train.feature_net}};
    if (data->vocabulary() != nullptr) {
      model.sampling["text"] = {{"vocabulary", data->vocabulary()->ToJson()},
                                {"prompts", data->Prompts()},
                                {"judge", data->judge()}};
    }
  }
  WriteFileAtomically(out / "loss.csv", LossCurve(result.loss));
  model.Save(weights);
  if (classify) {
    const ImageSet reference =
        Materialize(file.train.data, Split::kTrain, kStatisticsSamples, file.train.seed);
    WriteFeatureStatistics(StatisticsOf(weights, reference, progress), statistics);
  }
  std::fprintf(stderr, "wrote %s and %s%s\n", weights.c_str(), (out / "loss.csv").c_str(),
               classify ? (" and " + statistics.string()).c_str() : "");
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
            "resume", "go on from the checkpoint in the work folder")("overwrite",
                                                                      "replace existing weights");
        options.parse_positional({"config"});
      },
      tmpq::RunTraining);
}
