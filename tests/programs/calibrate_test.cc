// tmpq-calibrate: from a recipe to a plan that runs.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

class CalibrateTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string WriteRecipe(const std::string& text) {
    const fs::path path = folder_ / "recipe.ini";
    WriteFileAtomically(path, std::string_view(text));
    return path;
  }

  // A small calibration of the bundled model; `more` comes on top.
  ProcessResult Calibrate(const std::string& out, const Arguments& more) const {
    Arguments arguments = {"--model", "fashion-dit", "--steps", "4", "--out", folder_ / out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProcess("tmpq-calibrate", arguments);
  }

  // What a plan's first sample is on each of these.
  std::set<std::string> SamplesOn(const Arguments& backends, const std::string& plan) const {
    std::set<std::string> bytes;
    for (const std::string& backend : backends) {
      const fs::path out =
          folder_ / (fs::path(plan).parent_path().filename().string() + backend + ".npy");
      const ProcessResult run = RunProcess(
          "tmpq-run", {"--plan", plan, "--count", "1", "--backend", backend, "--out", out});
      EXPECT_EQ(run.exit_code, 0) << run.err;
      bytes.insert(ReadFile(out));
    }
    return bytes;
  }

  static void ExpectError(const ProcessResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("calibrate-" + std::to_string(getpid()));
};

constexpr const char* kQuick = "calibration_samples = 2\ncalibration_steps = 3\n";

TEST_F(CalibrateTest, APlanRunsTheSameOnAllKernels) {
  const std::string recipe = WriteRecipe(std::string("base = vidit-q\n") + kQuick);
  const ProcessResult made = Calibrate("a", {"--recipe", recipe, "--bits", "w4a8", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Json json = ParseJson(made.out, "tmpq-calibrate");
  EXPECT_EQ(json["average_weight_bits"], 4.0);
  EXPECT_EQ(json["average_activation_bits"], 8.0);
  EXPECT_GT(json["stored_weight_bits"], 4.0);
  std::set<std::string> bytes = SamplesOn({"cpu", "reference", "emulated"}, json["plan"]);
  EXPECT_EQ(bytes.size(), 1u);
  // Where there is a GPU, it gives them too; elsewhere one line says so.
  const fs::path out = folder_ / "cuda.npy";
  const ProcessResult cuda = RunProcess(
      "tmpq-run", {"--plan", json["plan"], "--count", "1", "--backend", "cuda", "--out", out});
  if (cuda.exit_code == 0) {
    bytes.insert(ReadFile(out));
    EXPECT_EQ(bytes.size(), 1u);
  } else {
    ExpectError(cuda, 1, "device cuda");
    EXPECT_EQ(std::count(cuda.err.begin(), cuda.err.end(), '\n'), 1) << cuda.err;
  }
}

// Weights alone: their integers are all that the plan has of them.
TEST_F(CalibrateTest, APlanOfFloatActivationsRunsTheSameOnAllKernels) {
  const std::string recipe = WriteRecipe(std::string("base = vidit-q\n") + kQuick);
  const ProcessResult made = Calibrate("a", {"--recipe", recipe, "--bits", "w3a32", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Json json = ParseJson(made.out, "tmpq-calibrate");
  EXPECT_EQ(json["average_weight_bits"], 3.0);
  EXPECT_EQ(json["average_activation_bits"], 32.0);
  const ProcessResult eight = Calibrate("b", {"--recipe", recipe, "--bits", "w8a32", "--json"});
  ASSERT_EQ(eight.exit_code, 0) << eight.err;
  EXPECT_LT(
      fs::file_size(std::string(json["plan"])),
      0.6 * static_cast<double>(fs::file_size(std::string(ParseJson(eight.out, "eight")["plan"]))));
  std::set<std::string> bytes = SamplesOn({"cpu", "reference", "emulated"}, json["plan"]);
  EXPECT_EQ(bytes.size(), 1u);
}

// Values of 16 bits between two layers: other bytes than those of floats, the same everywhere.
TEST_F(CalibrateTest, APlanStoresActivationsInSixteenBits) {
  const std::string recipe = std::string("base = naive\n") + kQuick;
  std::set<std::string> all;
  for (const std::string storage : {"float32", "float16", "bfloat16"}) {
    const ProcessResult made =
        Calibrate(storage, {"--recipe", WriteRecipe(recipe + "activation_storage = " + storage),
                            "--bits", "w8a8", "--json"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const std::string plan = ParseJson(made.out, "tmpq-calibrate")["plan"];
    Arguments backends = {"cpu", "reference"};
    if (storage == "bfloat16") backends.push_back("emulated");  // a minute each
    const std::set<std::string> bytes = SamplesOn(backends, plan);
    EXPECT_EQ(bytes.size(), 1u) << storage;
    all.insert(bytes.begin(), bytes.end());
  }
  EXPECT_EQ(all.size(), 3u);
  ExpectError(
      Calibrate("wrong", {"--recipe", WriteRecipe("activation_storage = half"), "--bits", "w8a8"}),
      2, "activation_storage");
}

// A U-Net whose convolutions have static scales with zero points, and whose shortcuts are split.
TEST_F(CalibrateTest, ConvolutionsRunInStaticIntegers) {
  const std::string recipe = WriteRecipe(std::string("base = mixdq\n") + kQuick);
  const ProcessResult made =
      RunProcess("tmpq-calibrate", {"--model", "fashion-unet", "--steps", "3", "--recipe", recipe,
                                    "--bits", "w8a8", "--out", folder_ / "a", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string plan = ParseJson(made.out, "tmpq-calibrate")["plan"];
  std::string bytes[2];
  for (const int i : {0, 1}) {
    const fs::path out = folder_ / (std::to_string(i) + ".npy");
    const ProcessResult run = RunProcess("tmpq-run", {"--plan", plan, "--count", "2", "--backend",
                                                      i == 0 ? "cpu" : "reference", "--out", out});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    bytes[i] = ReadFile(out);
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  // Found again by its own name and by the model's.
  for (const Arguments& model : {Arguments{}, Arguments{"--model", "fashion-unet"}}) {
    Arguments arguments = {"--plan", plan, "--samples", "4", "--metrics", "psnr", "--json"};
    arguments.insert(arguments.end(), model.begin(), model.end());
    const ProcessResult measured = RunProcess("tmpq-eval", arguments);
    ASSERT_EQ(measured.exit_code, 0) << measured.err;
    const Json json = ParseJson(measured.out, "tmpq-eval");
    EXPECT_GT(json["metrics"]["psnr"]["value"].get<double>(), 25);
  }
}

TEST_F(CalibrateTest, BytesDoNotDependOnThreads) {
  const std::string recipe =
      WriteRecipe(std::string("base = q-dit\nactivation_scales = static-tensor\n") + kQuick);
  for (const char* threads : {"1", "3"}) {
    const ProcessResult made =
        Calibrate(threads, {"--recipe", recipe, "--bits", "w4a4", "--threads", threads});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  for (const std::string& file : FilesIn(folder_ / "1")) {
    EXPECT_EQ(ReadFile(folder_ / "1" / file), ReadFile(folder_ / "3" / file)) << file;
  }
}

// Outliers that were injected: balancing and rotation take them away again.
TEST_F(CalibrateTest, IncoherenceFallsWithBalancingAndRotation) {
  const std::string recipe = WriteRecipe(kQuick);
  const ProcessResult made = Calibrate("a", {"--recipe", recipe, "--stress", "--incoherence"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::istringstream csv(ReadFile(folder_ / "a" / "incoherence.csv"));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "layer,group,raw,balanced,rotated,both");
  double raw = 0, both = 0;
  int rows = 0;
  while (std::getline(csv, line)) {
    std::istringstream cells(line);
    std::string cell[6];
    for (std::string& text : cell) std::getline(cells, text, ',');
    if (cell[5].empty()) continue;
    raw += std::stod(cell[2]), both += std::stod(cell[5]);
    ++rows;
  }
  EXPECT_GT(rows, 20);
  EXPECT_LT(both, 0.8 * raw);
}

TEST_F(CalibrateTest, ListsRecipesAndRefusesWhatIsNone) {
  const ProcessResult list = RunProcess("tmpq-calibrate", {"--list", "--json"});
  ASSERT_EQ(list.exit_code, 0);
  EXPECT_GE(ParseJson(list.out, "list").size(), 11u);
  ExpectError(Calibrate("a", {"--recipe", "wishful"}), 2, "vidit-q");
  ExpectError(Calibrate("a", {"--bits", "w4"}), 2, "w4a8");
  ExpectError(Calibrate("a", {"--bits", "w9a8"}), 2, "2 to 8");
  ExpectError(Calibrate("a", {"--recipe", WriteRecipe("balance = maybe\n")}), 2,
              "none, fixed, grid");
  ExpectError(Calibrate("a", {"--recipe", WriteRecipe("colour = red\n")}), 2, "unknown key");
  ExpectError(Calibrate("a", {"--recipe", "tmpq-dm", "--bits", "w3a6"}), 2,
              "tmpq-reconstruct --model fashion-dit --recipe tmpq-dm --weight-bits 3 "
              "--activation-bits 6");
  ExpectError(Calibrate("c", {"--recipe", "vidit-q", "--rounding", "x"}), 2, "of no use");
  ASSERT_EQ(Calibrate("b", {"--bits", "w8a8"}).exit_code, 0);
  ExpectError(Calibrate("b", {"--bits", "w8a8"}), 2, "exists");
}

}  // namespace
}  // namespace tmpq
