// tmpq-eval on what it samples itself, with a plan or a model: the same numbers as on files.
#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

const fs::path& Folder() { return TestFolder("samples"); }

Arguments Joined(Arguments a, const Arguments& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

class SamplesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    const ProcessResult search =
        RunProcess("tmpq-search", TinySearch(Folder() / "run", {"--warm-start=false"}));
    EXPECT_EQ(search.exit_code, 0) << search.err;
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static std::string Plan() { return Folder() / "run/plan.safetensors"; }

  static Json Measure(const Arguments& arguments) {
    const ProcessResult result = RunProcess("tmpq-eval", Joined(arguments, {"--json"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.exit_code == 0 ? ParseJson(result.out, "tmpq-eval") : Json::object();
  }
  // The samples of tmpq-run as a file.
  static std::string Draw(const std::string& name, const Arguments& arguments) {
    const std::string out = Folder() / name;
    const ProcessResult run =
        RunProcess("tmpq-run", Joined(arguments, {"--out", out, "--overwrite"}));
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return out;
  }
  static void ExpectError(int code, const std::string& part, const Arguments& arguments) {
    const ProcessResult result = RunProcess("tmpq-eval", arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }
};

TEST_F(SamplesTest, ADeviceMeasuresTheSame) {
  const Arguments least = {"--model=fashion-dit", "--steps=1", "--samples=2", "--metrics",
                           "sharpness"};
  EXPECT_EQ(Measure(Joined(least, {"--backend=emulated"}))["metrics"], Measure(least)["metrics"]);
}

TEST_F(SamplesTest, APlanMeasuresAsItsFilesDo) {
  const std::string metrics =
      "fd,sharpness,psnr,ssim,sqnr,feature_map_distance,delta_sharpness,fd_float";
  const Json drawn = Measure({"--plan", Plan(), "--samples=12", "--seed=5", "--metrics", metrics});
  const Arguments same = {"--plan", Plan(), "--count=12", "--seed=5"};
  const std::string samples = Draw("plan.npy", same),
                    in_float = Draw("float.npy", Joined(same, {"--backend=float"}));
  const Json pairs = Measure(
      {"--samples", samples, "--reference", in_float, "--feature-net=fashion-features", "--metrics",
       "sharpness,psnr,ssim,sqnr,feature_map_distance,delta_sharpness,fd_float"});
  for (const auto& [name, metric] : pairs["metrics"].items()) {
    EXPECT_EQ(drawn["metrics"][name], metric) << name;
  }
  const Json distance = Measure(
      {"--samples", samples, "--feature-net=fashion-features", "--metrics=fd", "--reference",
       TMPQ_SOURCE_DIR "/checkpoints/fashion-features/statistics.safetensors"});
  EXPECT_EQ(drawn["metrics"]["fd"], distance["metrics"]["fd"]);
  const Json to_float = Measure({"--samples", samples, "--reference", in_float,
                                 "--feature-net=fashion-features", "--metrics=fd"});
  EXPECT_EQ(drawn["metrics"]["fd_float"], to_float["metrics"]["fd"]);
  EXPECT_EQ(drawn["feature_net"]["name"], "fashion-features");
  EXPECT_EQ(drawn["reference"], "training set");
  EXPECT_GT(drawn["metrics"]["feature_map_distance"]["value"], 0);
  EXPECT_LT(drawn["metrics"]["ssim"]["value"], 1);
  // Against samples in a file, which other metrics need.
  const Arguments with_file = {"--metrics=kid", "--reference", in_float};
  EXPECT_EQ(Measure(Joined({"--plan", Plan(), "--samples=12", "--seed=5"}, with_file))["metrics"],
            Measure(Joined({"--samples", samples, "--feature-net=fashion-features"},
                           with_file))["metrics"]);
}

// Maps and logits of a network of another size, through the same filter.
TEST_F(SamplesTest, APlanMeasuresThroughInceptionAsItsFilesDo) {
  const std::string samples = Draw("seen.npy", {"--plan", Plan(), "--count=20", "--seed=5"});
  const Arguments same = {"--feature-net",
                          TMPQ_SOURCE_DIR
                          "/tests/fixtures/feature_networks/inception/weights.safetensors",
                          "--metrics=fd,sfd,class_score",
                          "--resize=bilinear",
                          "--reference",
                          Draw("reference.npy", {"--plan", Plan(), "--count=20", "--seed=6"})};
  const Json drawn = Measure(Joined({"--plan", Plan(), "--samples=20", "--seed=5"}, same)),
             in_file = Measure(Joined({"--samples", samples}, same));
  EXPECT_EQ(drawn["metrics"].size(), 3u);
  EXPECT_EQ(drawn["metrics"], in_file["metrics"]);
  EXPECT_EQ(drawn["feature_net"], in_file["feature_net"]);
  EXPECT_EQ(drawn["feature_net"]["preprocessing"]["filter"], "bilinear");
}

TEST_F(SamplesTest, ThreadsAndBatchChangeNothing) {
  const auto with = [&](const Arguments& more) {
    Json json = Measure(Joined({"--plan", Plan(), "--samples=10", "--against=float",
                                "--metrics=fd,psnr,sqnr_steps,feature_map_distance"},
                               more));
    json.erase("seconds");
    return json.dump();
  };
  const std::string expected = with({"--threads=1", "--batch=1"});
  EXPECT_EQ(with({"--threads=3", "--batch=4"}), expected);
  EXPECT_NE(with({"--seed=1"}), expected);
}

TEST_F(SamplesTest, StepsLoseSignal) {
  const Json json = Measure({"--plan", Plan(), "--samples=8", "--metrics=sqnr_steps,sqnr"});
  const Json& metrics = json["metrics"];
  ASSERT_EQ(metrics.size(), 5u);  // a plan of 4 steps
  EXPECT_EQ(metrics["sqnr_step_4"]["value"], metrics["sqnr"]["value"]);
  EXPECT_GT(metrics["sqnr_step_1"]["value"], metrics["sqnr_step_4"]["value"]);
  EXPECT_FALSE(metrics.contains("sqnr_step_5"));
}

// a - b = -(b - a), and the pairing makes it sharper than the two intervals are.
TEST_F(SamplesTest, CandidatesPairOnTheSameNoise) {
  const std::string metrics = "--metrics=fd,psnr,sharpness,ssim";
  const Json plan = Measure(
                 {"--plan", Plan(), "--samples=24", metrics, "--float-steps=6", "--against=float"}),
             other = Measure({"--plan", Plan(), "--backend=float", "--samples=24", metrics,
                              "--float-steps=6", "--against", Plan()});
  EXPECT_EQ(plan["against"], "float");
  for (const char* name : {"fd", "psnr", "sharpness", "ssim"}) {
    const Json &a = plan["differences"][name], &b = other["differences"][name];
    EXPECT_DOUBLE_EQ(a["value"].get<double>(), -b["value"].get<double>()) << name;
    EXPECT_NEAR(a["low"].get<double>(), -b["high"].get<double>(), 1e-9) << name;
    EXPECT_NEAR(a["value"].get<double>(),
                plan["metrics"][name]["value"].get<double>() -
                    other["metrics"][name]["value"].get<double>(),
                1e-9)
        << name;
  }
  const auto width = [](const Json& metric) {
    return metric["high"].get<double>() - metric["low"].get<double>();
  };
  EXPECT_LT(width(plan["differences"]["fd"]),
            width(plan["metrics"]["fd"]) + width(other["metrics"]["fd"]));
  // A model in float, at other timesteps: its steps do not answer the plan's.
  const Json model = Measure(
      {"--plan", Plan(), "--samples=4", "--metrics=sqnr_steps,sharpness", "--against=fashion-dit"});
  EXPECT_EQ(model["differences"].size(), 1u);
  const ProcessResult lines = RunProcess(
      "tmpq-eval", {"--plan", Plan(), "--samples=4", "--metrics=sharpness", "--against=float"});
  EXPECT_NE(lines.out.find("minus float, same noise:"), std::string::npos) << lines.out;
}

// Outliers that are injected leave the float samples as they are, up to roundings.
TEST_F(SamplesTest, StressVariantsAreModels) {
  const Json json = Measure({"--model=fashion-dit-stress", "--steps=3", "--samples=4",
                             "--metrics=fd", "--against=fashion-dit"});
  EXPECT_EQ(json["model"], "fashion-dit-stress");
  EXPECT_NEAR(json["differences"]["fd"]["value"].get<double>(), 0, 1e-2);
}

TEST_F(SamplesTest, TextsAndClips) {
  const std::string prompts = Folder() / "prompts.txt";
  WriteFileAtomically(prompts, std::string_view("small red square right slow black\n"
                                                "large magenta square down fast black\n"));
  const std::string metrics =
      "--metrics=text_similarity,reward,text_alignment,caption_accuracy,flicker,warping_error,"
      "frame_consistency";
  const Arguments model = {"--model=sprites-stdit", "--steps=6", "--guidance=1", "--prompts",
                           prompts};
  const Json drawn = Measure(Joined(model, {"--samples=6", metrics, "--against=float"}));
  EXPECT_EQ(drawn["text_encoder"]["name"], "sprites-encoder");
  EXPECT_EQ(drawn["reward_model"]["name"], "sprites-reward");
  EXPECT_EQ(drawn["frame_net"]["name"], "random-features");
  EXPECT_TRUE(drawn["metrics"].contains("caption_accuracy_colour"));
  EXPECT_TRUE(drawn["metrics"].contains("caption_accuracy_all"));
  EXPECT_EQ(drawn["differences"]["text_similarity"]["value"], 0);
  const std::string clips = Draw("clips.npy", Joined(model, {"--count=6"}));
  const Json files =
      Measure({"--samples", clips, "--prompts", prompts, "--judge=sprites",
               "--text-encoder=sprites-encoder", "--reward-model=sprites-reward", metrics});
  EXPECT_EQ(files["metrics"], drawn["metrics"]);
  ExpectError(2, "--prompts: is missing",
              {"--samples", clips, "--judge=sprites", "--metrics=text_alignment"});
  ExpectError(2, "--text-encoder: is missing",
              {"--samples", clips, "--prompts", prompts, "--metrics=text_similarity"});
  ExpectError(2, "--reward-model: is missing",
              {"--samples", clips, "--prompts", prompts, "--metrics=reward"});
  ExpectError(1, "was not trained on preferences",
              {"--samples", clips, "--prompts", prompts, "--metrics=reward",
               "--reward-model=sprites-encoder"});
  const Json pairs = Measure({"--samples", clips, "--reference", clips, "--prompts", prompts,
                              "--reward-model=sprites-reward", "--metrics=win_rate"});
  EXPECT_EQ(pairs["metrics"]["win_rate"]["value"], 0.5);  // against themselves
  ExpectError(2, "--judge: is missing",
              {"--samples", clips, "--prompts", prompts, "--metrics=caption_accuracy"});
  ExpectError(
      2, "as scenes are",
      {"--samples", clips, "--prompts", prompts, "--judge=scenes", "--metrics=caption_accuracy"});
  ExpectError(2, "is not CLIP", Joined(model, {"--samples=2", "--metrics=clipsim"}));
}

TEST_F(SamplesTest, Errors) {
  const Arguments model = {"--model=fashion-dit", "--steps=2"};
  const auto with = [&](const Arguments& more) { return Joined(model, more); };
  ExpectError(2, "--samples many: is not a number", with({"--samples=many", "--metrics=fd"}));
  ExpectError(2, "--samples", with({"--samples=1", "--metrics=fd"}));
  ExpectError(2, "--metrics: is missing", with({"--samples=4"}));
  ExpectError(2, "\"fid\" is unknown", with({"--samples=4", "--metrics=fid"}));
  ExpectError(2, "\"sqnr_steps\" is unknown", {"--samples=a.npy", "--metrics=sqnr_steps"});
  ExpectError(2, "leave out --float-steps",
              with({"--samples=4", "--metrics=sqnr_steps", "--float-steps=9"}));
  ExpectError(2, "is not sampled by words", with({"--samples=4", "--metrics=text_similarity"}));
  ExpectError(2, "has no judge", with({"--samples=4", "--metrics=caption_accuracy"}));
  ExpectError(2, "clips", with({"--samples=4", "--metrics=flicker"}));
  ExpectError(2, "names no samples", with({"--samples=4", "--metrics=kid"}));
  ExpectError(2, "--reference: is missing",
              with({"--samples=4", "--metrics=fd", "--feature-net=random-features"}));
  ExpectError(1, "pairs need (28, 28, 1)",
              with({"--samples=2", "--metrics=sharpness", "--against=scenes-pixart"}));
  ExpectError(2, "is the plan's own",
              {"--plan", Plan(), "--steps=3", "--samples=4", "--metrics=fd"});
  ExpectError(1, "is another model",
              {"--plan", Plan(), "--model=fashion-unet", "--samples=4", "--metrics=fd"});
  ExpectError(1, "cannot open", {"--plan=none.safetensors", "--samples=4", "--metrics=fd"});
}

}  // namespace
}  // namespace tmpq
