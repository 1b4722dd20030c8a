// Optical flow on motion that is known, and the temporal measures built on it.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "src/core/error.h"
#include "src/metrics/embedding_similarity.h"
#include "src/metrics/optical_flow.h"
#include "src/metrics/temporal.h"

namespace tmpq {
namespace {

constexpr ImageShape kFrame{32, 32, 1};

// A smooth texture, defined between pixels too, without a period that motions could be mistaken by.
double Texture(double x, double y) {
  return 0.3 * std::sin(0.23 * x + 0.1 * y) + 0.3 * std::sin(0.12 * x - 0.31 * y + 1) +
         0.2 * std::sin(0.7 * x - 0.5 * y) + 0.1 * std::sin(1.1 * x + 0.9 * y);
}

std::vector<float> Render(const std::function<double(double, double)>& brightness) {
  std::vector<float> image;
  for (int64_t y = 0; y < kFrame.height; ++y) {
    for (int64_t x = 0; x < kFrame.width; ++x)
      image.push_back(static_cast<float>(brightness(x, y)));
  }
  return image;
}

// The texture after a translation, times a gain.
std::vector<float> Moved(double dx, double dy, double gain = 1) {
  return Render([&](double x, double y) { return gain * Texture(x - dx, y - dy); });
}

// Mean endpoint error over pixels at least 4 from the border.
double EndpointError(const FlowField& flow, double dx, double dy) {
  double sum = 0;
  int count = 0;
  for (int64_t y = 4; y < flow.height - 4; ++y) {
    for (int64_t x = 4; x < flow.width - 4; ++x, ++count) {
      const int64_t i = y * flow.width + x;
      sum += std::hypot(flow.dx[i] - dx, flow.dy[i] - dy);
    }
  }
  return sum / count;
}

TEST(OpticalFlowTest, TranslatedTextures) {
  const double motions[][2] = {{0, 0},      {1, 0},     {0, -2},     {0.25, 0},
                               {0.5, -0.5}, {1.7, 0.4}, {-2.3, 1.9}, {3, 0}};
  for (const auto& motion : motions) {
    const FlowField flow = OpticalFlow(Moved(0, 0), Moved(motion[0], motion[1]), kFrame);
    EXPECT_LT(EndpointError(flow, motion[0], motion[1]), 0.05) << motion[0] << ", " << motion[1];
  }
}

// A textured disc of radius 7 over a still texture: the disc's middle moves, the far corner rests.
TEST(OpticalFlowTest, MovingDisc) {
  const auto scene = [](double at) {
    return Render([at](double x, double y) {
      const bool disc = std::hypot(x - at, y - 16) < 7;
      return disc ? Texture(1.3 * (x - at), 1.3 * y) + 0.3 : 0.5 * Texture(x, y) - 0.3;
    });
  };
  const FlowField flow = OpticalFlow(scene(12), scene(14), kFrame);
  EXPECT_NEAR(flow.dx[16 * 32 + 12], 2, 0.3);
  EXPECT_NEAR(flow.dy[16 * 32 + 12], 0, 0.3);
  EXPECT_LT(std::hypot(flow.dx[28 * 32 + 28], flow.dy[28 * 32 + 28]), 0.2);
  EXPECT_THROW(OpticalFlow(scene(12), scene(12), {7, 32, 1}), Error);
}

std::vector<float> Clip(const std::vector<std::vector<float>>& frames) {
  std::vector<float> clip;
  for (const auto& frame : frames) clip.insert(clip.end(), frame.begin(), frame.end());
  return clip;
}

TEST(TemporalTest, StillClips) {
  const ClipShape shape{3, kFrame};
  const auto clip = Clip({Moved(0, 0), Moved(0, 0), Moved(0, 0)});
  EXPECT_EQ(FrameDifferences(clip, shape)[0], 0);
  EXPECT_EQ(VbenchFlicker(0), 1);
  const ClipMotion motion = MeasureMotion(clip, shape);
  EXPECT_EQ(motion.flow_score[0], 0);
  EXPECT_EQ(motion.flow_change[0], 0);
  EXPECT_EQ(motion.warping_error[0], 0);
  EXPECT_EQ(motion.static_difference[0], 0);
}

// Uniform motion, motion that turns back, and light that flickers over a still scene.
TEST(TemporalTest, MotionAndFlickerAreToldApart) {
  const ClipShape shape{3, kFrame};
  const auto clips = Clip({Moved(0, 0), Moved(1.5, 0), Moved(3, 0),  //
                           Moved(0, 0), Moved(1.5, 0), Moved(0, 0),  //
                           Moved(0, 0, 1), Moved(0, 0, 0.9), Moved(0, 0, 1)});
  const ClipMotion motion = MeasureMotion(clips, shape);
  EXPECT_NEAR(motion.flow_score[0], 1.5, 0.1);
  EXPECT_NEAR(motion.flow_score[1], 1.5, 0.1);
  EXPECT_LT(motion.flow_score[2], 0.15);
  EXPECT_LT(motion.flow_change[0], 0.2);
  EXPECT_NEAR(motion.flow_change[1], 3, 0.2);
  const auto differences = FrameDifferences(clips, shape);
  EXPECT_GT(differences[0], 5 * differences[2]);
  // Along the flow the moving clip is consistent: what is left is interpolation.
  EXPECT_LT(motion.warping_error[0], 0.02 * differences[0]);
  EXPECT_TRUE(std::isnan(motion.static_difference[0]));
  EXPECT_NEAR(motion.static_difference[2], differences[2], 0.5 * differences[2]);
}

TEST(TemporalTest, FrameDifferencesByHand) {
  const ClipShape shape{3, {1, 2, 1}};
  const std::vector<float> clip = {0, 0, 0.5f, 0, 0.5f, 1};
  EXPECT_NEAR(FrameDifferences(clip, shape)[0], (0.5 + 0 + 0 + 1) / 4, 1e-12);
  // Two grey levels of 255: 2 / 127.5 on the scale [-1, 1].
  EXPECT_NEAR(VbenchFlicker(2 / 127.5), 253.0 / 255.0, 1e-12);
}

TEST(TemporalTest, ClipsWithoutAValueDoNotCount) {
  const std::vector<double> a = {1, NAN, 3, 5}, b = {0, 1, NAN, 3};
  EXPECT_EQ(EstimateOfDefined(a).n, 3);
  EXPECT_EQ(EstimateOfDefined(a).value, 3);
  EXPECT_EQ(EstimateDefinedDifference(a, b).value, 1.5);
  EXPECT_EQ(EstimateDefinedDifference(a, b).n, 2);
  EXPECT_THROW(EstimateOfDefined(std::vector<double>{1, NAN}), Error);
}

TEST(EmbeddingSimilarityTest, ByHand) {
  const std::vector<float> a = {3, 4, 0, 2}, b = {4, 3, 0, -5}, zero = {0, 0};
  const auto cosines = CosineSimilarities(a, b, 2);
  EXPECT_NEAR(cosines[0], 24.0 / 25, 1e-12);
  EXPECT_NEAR(cosines[1], -1, 1e-12);
  EXPECT_EQ(CosineSimilarities(zero, zero, 2)[0], 0);
  EXPECT_NEAR(ClipScoreOfCosine(cosines[0]), 2.4, 1e-12);
  EXPECT_EQ(ClipScoreOfCosine(cosines[1]), 0);
}

TEST(EmbeddingSimilarityTest, Clips) {
  // Two clips of three frames in the plane: (1,0), (0,1), (0,1) and thrice (1,0).
  const std::vector<float> frames = {1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0}, texts = {1, 0, 0, 1};
  EXPECT_NEAR(FrameTextSimilarities(frames, texts, 3, 2)[0], 1.0 / 3, 1e-12);
  EXPECT_NEAR(FrameTextSimilarities(frames, texts, 3, 2)[1], 0, 1e-12);
  EXPECT_NEAR(SuccessiveFrameSimilarities(frames, 3, 2)[0], 0.5, 1e-12);
  // Frame 1: 0 and 0; frame 2: 0 to the first, 1 to the previous.
  EXPECT_NEAR(FrameConsistencies(frames, 3, 2)[0], 0.25, 1e-12);
  EXPECT_NEAR(FrameConsistencies(frames, 3, 2)[1], 1, 1e-12);
}

}  // namespace
}  // namespace tmpq
