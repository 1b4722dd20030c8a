// Against the implementations that the field trusts: numbers that tests/fixtures/make_metrics.py
// computed with them, versions stated in the file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/metrics/frechet.h"
#include "src/metrics/inception_score.h"
#include "src/metrics/kernel_distance.h"
#include "src/metrics/manifold.h"
#include "src/metrics/psnr.h"
#include "src/metrics/resize.h"
#include "src/metrics/ssim.h"

namespace tmpq {
namespace {

// Both sides compute in double; ten digits are kept in the file.
constexpr double kDouble = 1e-9;
// Pillow holds intermediate values of magnitude 1 in float32: a few times 6e-8.
constexpr double kFloatValue = 5e-7;
// torch computes coordinates up to 13 in float32, wrong by up to 13 x 6e-8 x 2 operations; a pixel
// changes the value by up to 2.
constexpr double kFloatCoordinate = 3e-6;

const Json& Fixture() {
  static const Json fixture =
      ParseJson(ReadFile(TMPQ_SOURCE_DIR "/tests/fixtures/metrics.json"), "metrics.json");
  return fixture;
}

std::vector<float> Floats(const Json& entry) { return entry["values"].get<std::vector<float>>(); }

double Number(const Json& section, const char* key) { return section[key].get<double>(); }

double Relative(double a, double b) { return std::abs(a - b) / std::abs(b); }

class FeatureReferenceTest : public testing::Test {
 protected:
  const Json& section_ = Fixture()["features"];
  const std::vector<float> samples_ = Floats(section_["samples"]);
  const std::vector<float> reference_ = Floats(section_["reference"]);
};

TEST_F(FeatureReferenceTest, FrechetDistanceIsScipysAndTorchFidelitys) {
  const Hash128 hash = HashString("space");
  const FrechetReference reference(StatisticsOf(reference_, 8, hash));
  const double distance = EstimateFrechet(reference, samples_, hash).value;
  EXPECT_LT(Relative(distance, Number(section_, "frechet_scipy")), kDouble);
  EXPECT_LT(Relative(distance, Number(section_, "frechet_torch_fidelity")), kDouble);
}

TEST_F(FeatureReferenceTest, KernelDistanceIsTorchFidelitys) {
  const std::span<const float> first(reference_.data(), samples_.size());
  EXPECT_LT(Relative(KernelDistance(samples_, first, 8), Number(section_, "kid_of_first_60")),
            kDouble);
  std::vector<double> distances;
  for (const Json& pair : section_["kid_subsets"]) {  // rows that NumPy drew
    std::vector<float> sides[2];
    for (int side = 0; side < 2; ++side) {
      const std::vector<float>& all = side == 0 ? samples_ : reference_;
      for (const int row : pair[side])
        sides[side].insert(sides[side].end(), all.begin() + row * 8, all.begin() + row * 8 + 8);
    }
    distances.push_back(KernelDistance(sides[0], sides[1], 8));
  }
  EXPECT_LT(Relative(EstimateMean(distances).value, Number(section_, "kid_mean")), kDouble);
}

TEST_F(FeatureReferenceTest, ManifoldsAreThePublishedDefinitions) {
  const ManifoldMetrics metrics = EstimateManifolds(samples_, reference_, 8);
  EXPECT_NEAR(metrics.precision.value, Number(section_, "precision_k3"), 1e-7);  // float32 there
  EXPECT_NEAR(metrics.recall.value, Number(section_, "recall_k3"), 1e-7);
  EXPECT_NEAR(metrics.density.value, Number(section_, "density_k5"), 1e-12);
  EXPECT_NEAR(metrics.coverage.value, Number(section_, "coverage_k5"), 1e-12);
  EXPECT_GT(metrics.precision.value, 0.2);
  EXPECT_LT(metrics.precision.value, 1.0);
}

TEST_F(FeatureReferenceTest, InceptionScoreIsTorchFidelitys) {
  const Estimate score = EstimateInceptionScore(Floats(section_["logits"]), 5);
  EXPECT_LT(Relative(score.value, Number(section_, "inception_score")), kDouble);
  EXPECT_EQ(score.n, 57);
}

TEST(ImageReferenceTest, SimilaritiesAreScikitImages) {
  const Json& section = Fixture()["images"];
  const std::vector<float> images = Floats(section["images"]), other = Floats(section["reference"]);
  const ImageShape shape{17, 14, 3};
  const auto uniform = StructuralSimilarities(images, other, shape),
             gaussian = StructuralSimilarities(images, other, shape, SsimWindow::kGaussian11),
             errors = MeanSquaredErrors(images, other, 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(uniform[i], section["ssim_uniform"][i].get<double>(), 1e-12);
    EXPECT_NEAR(gaussian[i], section["ssim_gaussian"][i].get<double>(), 1e-12);
    EXPECT_NEAR(PsnrOfMse(errors[i]), section["psnr"][i].get<double>(), 1e-10);
  }
}

TEST(ImageReferenceTest, ResizingIsPillowsAndTorchsAndTensorFlows) {
  const Json& section = Fixture()["resizes"];
  const std::vector<float> image = Floats(section["image"]);
  for (const Json& one : section["cases"]) {
    const int height = one["height"], width = one["width"];
    for (const char* name : {"bicubic", "bilinear", "bilinear-tf1"}) {
      const auto ours = ResizeImages(image, {11, 13, 2}, height, width, ParseResizeFilter(name));
      const std::vector<float> theirs = Floats(one[name]);
      ASSERT_EQ(ours.size(), theirs.size());
      float worst = 0;
      for (size_t i = 0; i < ours.size(); ++i)
        worst = std::max(worst, std::abs(ours[i] - theirs[i]));
      EXPECT_LT(worst, name == std::string("bicubic") ? kFloatValue : kFloatCoordinate)
          << name << " to " << height << " x " << width;
    }
  }
}

}  // namespace
}  // namespace tmpq
