// Rewards: ImageReward's equal those of transformers' BLIP with its head
// (tests/fixtures/make_feature_networks.py), CLIP's are its logits, the bundled models prefer what
// is better, and what does not fit is refused.
#include "src/eval/models/reward_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <numeric>

#include "src/data/captioned_world.h"
#include "src/data/ranked_pair.h"
#include "src/eval/models/alignment_encoder.h"
#include "src/models/checkpoint.h"
#include "src/models/image_reward.h"
#include "tests/eval/expect_error.h"
#include "tests/eval/folder_copy.h"
#include "tests/eval/network_case.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kBundled = fs::path(TMPQ_SOURCE_DIR) / "checkpoints";

double WorstDifference(const std::vector<double>& found, const std::vector<float>& expected) {
  EXPECT_EQ(found.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::fabs(found[i] - expected[i]));
  }
  return worst;
}

TEST(ImageRewardTest, EqualsTransformersBlip) {
  const NetworkCase c("image-reward");
  const auto model = OpenRewardModel(c.folder().string(), "");
  EXPECT_EQ(model->name(), "image-reward");
  for (const std::string name : {"large", "small"}) {
    const auto [images, shape] = c.Pictures(name + ".images");
    const double worst = WorstDifference(model->Rewards(images, shape, kCaseTexts, 1),
                                         c.file().Floats(name + ".rewards"));
    std::printf("  rewards of %s pictures: largest difference %.1e\n", name.c_str(), worst);
    EXPECT_LT(worst, 2e-3) << name;
  }
}

// Of the very pixels that the reference's network saw, resizing apart.
TEST(ImageRewardTest, ItsNetworkEqualsTransformersBlip) {
  const NetworkCase c("image-reward");
  const ImageReward model = LoadImageReward(c.folder());
  const RuntimeNetwork network(model.graph, model.parameters, kernels::BestKernels());
  const auto tokenizer = LoadTokenizer(c.folder());
  Workspace workspace = network.MakeWorkspace(1);
  for (const std::string name : {"large", "small"}) {
    const std::vector<float> pixels = c.Images(name + ".pixels");
    std::vector<double> rewards;
    for (size_t i = 0; i < kCaseTexts.size(); ++i) {
      const TokenizedText text = tokenizer->Encode(kCaseTexts[i], 35);
      const std::vector<float> mask(text.mask.begin(), text.mask.end());
      const float* image = pixels.data() + i * pixels.size() / kCaseTexts.size();
      float found = 0;
      network.Run(network.ActivateFloat(),
                  {1,
                   {{"pixel_values", image}, {"attention_mask", mask.data()}},
                   {{"input_ids", text.ids.data()}}},
                  &found, workspace);
      rewards.push_back((found - kImageRewardMean) / kImageRewardDeviation);
    }
    const double worst = WorstDifference(rewards, c.file().Floats(name + ".rewards"));
    std::printf("  rewards of %s pixels: largest difference %.1e\n", name.c_str(), worst);
    EXPECT_LT(worst, 2e-6) << name;
  }
}

// The shapes of the published file, which has 446 million numbers.
TEST(ImageRewardTest, TheDefaultConfigIsThePublishedNetwork) {
  const Graph graph = BuildImageReward({});
  EXPECT_EQ(graph.node(graph.FindInput("pixel_values")).shape, (Shape{224, 224, 3}));
  EXPECT_EQ(graph.node(graph.FindInput("input_ids")).shape, (Shape{35}));
  EXPECT_EQ(graph.output_shape(), (Shape{1}));
  EXPECT_TRUE(graph.sites().sites.empty());  // it measures, and stays float
  const int64_t vision = 303'301'632, head = 927'969;
  const int64_t text = 30524 * 768 + 35 * 768 + 2 * 768 +
                       12 * (7'087'872 + 2 * (768 * 768 + 768) + 2 * (1024 * 768 + 768) + 2 * 768);
  EXPECT_EQ(graph.parameter_count(), vision + text + head);
}

TEST(ImageRewardTest, SeesClipsFrameByFrame) {
  const NetworkCase c("image-reward");
  const auto model = OpenRewardModel(c.folder().string(), "");
  const auto [images, shape] = c.Pictures("large.images");
  const Shape clip = {3, shape[0], shape[1], shape[2]};
  const auto frames = model->Rewards(images, shape, {kCaseTexts[1]}, 2);
  const auto whole = model->Rewards(images, clip, {kCaseTexts[1]}, 1);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_NEAR(whole[0], std::accumulate(frames.begin(), frames.end(), 0.0) / 3, 1e-12);
  EXPECT_EQ(whole, model->Rewards(images, clip, {kCaseTexts[1]}, 3));
}

// Its score is divided by a deviation, the odds that it was trained with are not.
TEST(ImageRewardTest, OddsAreOfTheUndividedReward) {
  EXPECT_EQ(OpenRewardModel(NetworkCase("image-reward").folder().string(), "")->logits_per_unit(),
            kImageRewardDeviation);
  EXPECT_EQ(OpenRewardModel("scenes-reward", kBundled)->logits_per_unit(), 1);
}

TEST(ImageRewardTest, WrongFoldersAreRefused) {
  const fs::path source = NetworkCase("image-reward").folder();
  const auto refused = [&](const auto& damage, const std::string& what) {
    const FolderCopy copy(source);
    damage(copy);
    ExpectError([&] { OpenRewardModel(copy.folder().string(), ""); }, what);
  };
  refused([](const FolderCopy& copy) { fs::remove(copy.folder() / "vocab.txt"); }, "no tokenizer");
  refused([](const FolderCopy& copy) { fs::remove(copy.folder() / "model.safetensors"); },
          "model.safetensors");
  refused([](const FolderCopy& copy) { copy.Replace(kMedConfigName, "gelu", "relu"); },
          "hidden_act");
  refused([](const FolderCopy& copy) { copy.Replace(kMedConfigName, ": 40", ": 34"); },
          "35 tokens");
  refused(
      [](const FolderCopy& copy) { copy.Replace("vocab.txt", "[CLS]\n", "[CLS]\na1\nb2\nc3\n"); },
      "knows 422 tokens");
  refused(
      [](const FolderCopy& copy) {
        fs::copy_file(NetworkCase("clip").folder() / "model.safetensors",
                      copy.folder() / "model.safetensors", fs::copy_options::overwrite_existing);
      },
      "patch_embed.proj.weight is missing");
}

TEST(ImageRewardTest, WrongSamplesAreRefused) {
  const auto model = OpenRewardModel(NetworkCase("image-reward").folder().string(), "");
  ExpectError(
      [&] {
        model->Rewards(std::vector<float>(32), {4, 4, 2}, kCaseTexts, 1);
      },
      "reward model image-reward");
}

// transformers' CLIPModel calls them logits_per_image; PickScore is this of its own weights.
TEST(RewardModelTest, RewardsOfClipAreItsLogits) {
  const NetworkCase c("clip");
  const auto encoder = AlignmentEncoder::Open(c.folder().string(), "");
  const auto model = OpenRewardModel(c.folder().string(), "");
  const auto [images, shape] = c.Pictures("large.images");
  const auto cosines = encoder.Similarities(images, shape, kCaseTexts, 1);
  const auto rewards = model->Rewards(images, shape, kCaseTexts, 2);
  const double scale = std::exp(Checkpoint(c.folder(), "model").Floats("logit_scale").at(0));
  EXPECT_GT(scale, 1);
  ASSERT_EQ(rewards.size(), cosines.size());
  for (size_t i = 0; i < rewards.size(); ++i) EXPECT_NEAR(rewards[i], scale * cosines[i], 1e-5);
}

// Of fresh pairs by flaw, each side has its own text; the better one is to be preferred.
TEST(RewardModelTest, BundledRewardModelsPreferTheBetterOne) {
  for (const char* name : {"scenes", "sprites"}) {
    const CaptionedWorld& world = *FindWorld(name);
    const auto model = OpenRewardModel(name + std::string("-reward"), kBundled);
    std::map<Flaw, std::pair<int, int>> right;  // of how many
    std::vector<float> better(world.elements()), worse(world.elements());
    RandomStream random(8, RandomPurpose::kTest);
    for (int i = 0; i < 120; ++i) {
      const RankedPair pair = DrawRankedPair(world, random, better, worse);
      auto& [hits, all] = right[pair.flaw];
      ++all;
      hits += model->Rewards(better, world.shape(), {pair.caption}, 1)[0] >
              model->Rewards(worse, world.shape(), {pair.caption}, 1)[0];
    }
    for (const auto& [flaw, count] : right) {
      std::printf("  %s, %s: %d of %d\n", name, NameOf(flaw), count.first, count.second);
      EXPECT_GE(count.first, 0.7 * count.second) << name << " " << NameOf(flaw);
    }
  }
}

TEST(RewardModelTest, EncodersOfAnotherTaskAreRefused) {
  ExpectError([] { OpenRewardModel("scenes-encoder", kBundled); },
              "was not trained on preferences");
}

}  // namespace
}  // namespace tmpq
