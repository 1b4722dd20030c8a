// Every kind of model goes through search, plan and run: bundled ones, and folders of a user's own.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/core/random.h"
#include "src/core/tensor_file.h"
#include "src/models/unet.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path& Folder() { return TestFolder("models"); }

class ModelsTest : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() { fs::create_directories(Folder()); }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }
};

// Searches, and runs the plan: on two backends the same bytes, and in float.
Json SearchAndRun(const std::string& model, const std::string& name, const std::string& extension,
                  std::vector<std::string> more = {}) {
  const fs::path run = Folder() / name;
  more.insert(more.begin(), {"--model=" + model, "--warm-start=false"});
  const ProcessResult result = RunProcess("tmpq-search", TinySearch(run, std::move(more)));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto draw = [&](const std::string& backend, const std::string& file) {
    const ProcessResult drawn = RunProcess(
        "tmpq-run", {"--plan=" + (run / "plan.safetensors").string(), "--count=2",
                     "--model=" + model, "--backend=" + backend, "--out=" + (run / file).string()});
    EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
    return ReadFile(run / file);
  };
  EXPECT_EQ(draw("cpu", "a.npy") == draw("reference", "b.npy"), true) << model;
  EXPECT_NE(draw("float", "c.npy") == draw("cpu", "d.npy"), true) << model;
  draw("cpu", "e" + extension);
  return ParseJson(ReadFile(run / "summary.json"), name);
}

TEST_P(ModelsTest, BundledModelsGoAllTheWay) {
  const std::string name = GetParam();
  const bool clips = name.rfind("sprites", 0) == 0;
  const Json summary = SearchAndRun(name, name, clips ? ".gif" : ".png");
  EXPECT_EQ(summary["model"], name);
  EXPECT_EQ(summary["feature_net"]["reference"], "training set");
  EXPECT_EQ(fs::exists(Folder() / name / "samples.gif"), clips);
  const bool text = name.rfind("fashion", 0) != 0;
  const Json& metrics = summary["plan"]["metrics"];
  EXPECT_EQ(metrics.contains("text_alignment"), text);
  EXPECT_EQ(metrics.contains("text_similarity"), text);
  EXPECT_EQ(fs::exists(Folder() / name / "samples.json"), text);
  if (text) {
    EXPECT_EQ(summary["text_encoder"]["name"], clips ? "sprites-encoder" : "scenes-encoder");
    EXPECT_EQ(summary["float"]["metrics"]["text_similarity_minus_float"]["value"], 0);
    const Json sheet = ParseJson(ReadFile(Folder() / name / "samples.json"), name);
    EXPECT_EQ(sheet["samples"].size(), 20u);
    EXPECT_EQ(sheet["plan"]["text_similarity"], metrics["text_similarity"]);
    EXPECT_TRUE(sheet["samples"][3]["float"].contains("text_similarity"));
  }
  EXPECT_EQ(summary["plan"]["metrics"].contains("temporal_consistency"), clips);
}

INSTANTIATE_TEST_SUITE_P(Bundled, ModelsTest,
                         testing::Values("fashion-dit", "fashion-unet", "scenes-pixart",
                                         "sprites-stdit"),
                         [](const auto& item) {
                           std::string name = item.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Outliers are injected by a flag and named wherever the result goes; the float model does the
// same.
TEST_F(ModelsTest, StressVariantsAreLabelled) {
  const fs::path run = Folder() / "stress";
  const ProcessResult result =
      RunProcess("tmpq-search",
                 TinySearch(run, {"--model=scenes-pixart", "--stress=true", "--warm-start=false"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json summary = ParseJson(ReadFile(run / "summary.json"), "stress");
  EXPECT_EQ(summary["model"], "scenes-pixart-stress");
  const ProcessResult drawn =
      RunProcess("tmpq-run", {"--plan=" + (run / "plan.safetensors").string(), "--count=2",
                              "--backend=float", "--out=" + (run / "a.npy").string(), "--json"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  EXPECT_NE(drawn.out.find("scenes-pixart-stress"), std::string::npos);
  const ProcessResult refused = RunProcess(
      "tmpq-search", TinySearch(Folder() / "no", {"--model=fashion-unet", "--stress=true"}));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("outlier channels"), std::string::npos) << refused.err;
}

// A Stable Diffusion pipeline's folder: text encoder, U-Net, scheduler and autoencoder (random
// weights), with prompts of the user's own.
TEST_F(ModelsTest, PipelinesOfDiffusersGoAllTheWay) {
  const std::string folder = TMPQ_SOURCE_DIR "/tests/fixtures/pipeline";
  const fs::path prompts = Folder() / "prompts.txt";
  WriteFileAtomically(prompts, "a photo of a cat\n\na red bicycle\n");
  const Json summary = SearchAndRun(folder, "pipeline-run", ".png",
                                    {"--sampler=ddim", "--prompts=" + prompts.string()});
  EXPECT_EQ(summary["model"], "pipeline");
  EXPECT_EQ(summary["feature_net"]["name"], "random-features");
  const auto draw = [&](const std::string& prompt, const std::string& file) {
    const ProcessResult drawn = RunProcess(
        "tmpq-run", {"--plan=" + (Folder() / "pipeline-run/plan.safetensors").string(), "--count=1",
                     "--prompt=" + prompt, "--out=" + (Folder() / file).string()});
    EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
    return ReadFile(Folder() / file);
  };
  const std::string cat = draw("a photo of a cat", "cat.npy");
  EXPECT_NE(cat.find("'shape': (1, 16, 16, 3)"), std::string::npos);  // decoded from 8 x 8 x 4
  EXPECT_EQ(cat == draw("a red bicycle", "bicycle.npy"), false);
  // The scheduler's own sampler is refused with a way out.
  const ProcessResult refused =
      RunProcess("tmpq-search", TinySearch(Folder() / "refused", {"--model=" + folder}));
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("search with another sampler"), std::string::npos) << refused.err;
}

// HunyuanDiT's: two texts, one of them read by BERT, and a style that is no condition.
TEST_F(ModelsTest, HunyuanDitReadsChinesePrompts) {
  const fs::path prompts = Folder() / "chinese.txt";
  WriteFileAtomically(prompts, "一只可爱的小猫\na red bicycle\n");
  const Json summary = SearchAndRun(TMPQ_SOURCE_DIR "/tests/fixtures/hunyuan-pipeline",
                                    "hunyuan-run", ".png", {"--prompts=" + prompts.string()});
  EXPECT_EQ(summary["model"], "hunyuan-pipeline");
}

// A network from files alone, which nobody gave a feature network.
TEST_F(ModelsTest, NetworksFromFoldersGoAllTheWay) {
  UnetConfig config;
  config.image_height = config.image_width = 8;
  config.block_channels = {8, 16}, config.attention = {0, 1}, config.heads = {1, 2};
  config.transformer_layers = {1, 1}, config.norm_groups = 4;
  const Graph graph = BuildUnet(config);
  const fs::path folder = Folder() / "brought";
  fs::create_directories(folder);
  const Json sampling = {
      {"schedule", {{"kind", "linear"}, {"training_steps", 100}}},
      {"sampler",
       {{"method", "ddim"}, {"prediction", "epsilon"}, {"guidance_scale", 1.0}, {"eta", 0.0}}}};
  WriteFileAtomically(folder / "network.json", Json{{"format", "tmpq-network-1"},
                                                    {"name", "brought"},
                                                    {"graph", graph.ToJson()},
                                                    {"sampling", sampling}}
                                                   .dump());
  TensorFileWriter writer;
  uint64_t stream = 0;
  for (const auto& [name, shape] : graph.parameters()) {
    std::vector<float> values(ElementsOf(shape));
    FillNormal(1, RandomPurpose::kTest, stream++, values);
    const auto fan_in = static_cast<float>(shape.size() > 1 ? ElementsOf(shape) / shape[0] : 4);
    for (float& value : values) value /= std::sqrt(fan_in);
    Shape stored = shape;  // a convolution's as PyTorch lays it out; numbers are random anyway
    if (shape.size() == 4) stored = {shape[0], shape[3], shape[1], shape[2]};
    writer.AddFloats(name, stored, values);
  }
  writer.Write(folder / "weights.safetensors");
  const Json summary = SearchAndRun(folder.string(), "brought-run", ".png");
  EXPECT_EQ(summary["model"], "brought");
  EXPECT_EQ(summary["feature_net"]["name"], "random-features");
  EXPECT_EQ(summary["feature_net"]["reference"], "float model's samples");
}

}  // namespace
}  // namespace tmpq
