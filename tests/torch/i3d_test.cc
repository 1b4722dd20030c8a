// I3D as a graph says what convolutions over frames, rows and columns say in LibTorch.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

#include "src/core/random.h"
#include "src/metrics/feature_extractor.h"
#include "src/models/checkpoint.h"
#include "src/torch/torch_device.h"
#include "tests/models/i3d_file.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// The port's network, module by module, on (batch, channels, frames, rows, columns).
class Reference {
 public:
  explicit Reference(const std::filesystem::path& file) : file_(file, "") {}

  at::Tensor Run(at::Tensor x) const {
    x = Unit("Conv3d_1a_7x7", x, 2);
    x = Pool(x, {1, 3, 3}, {1, 2, 2});
    x = Unit("Conv3d_2c_3x3", Unit("Conv3d_2b_1x1", x));
    x = Pool(x, {1, 3, 3}, {1, 2, 2});
    for (const char* name : {"Mixed_3b", "Mixed_3c"}) x = Mixed(name, x);
    x = Pool(x, {3, 3, 3}, {2, 2, 2});
    for (const char* name : {"Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"})
      x = Mixed(name, x);
    x = Pool(x, {2, 2, 2}, {2, 2, 2});
    for (const char* name : {"Mixed_5b", "Mixed_5c"}) x = Mixed(name, x);
    x = at::avg_pool3d(x, {2, x.size(3), x.size(4)}, {1, 1, 1});
    x = at::conv3d(x, Tensor("logits.conv3d.weight"), Tensor("logits.conv3d.bias"));
    return x.squeeze(-1).squeeze(-1).mean(2);
  }

 private:
  using Sides = std::array<int64_t, 3>;

  at::Tensor Tensor(const std::string& name) const {
    return TensorOf(file_.Floats(name), file_.tensors().at(name)->shape);
  }
  // TensorFlow's "same": as many windows as steps begin within the clip.
  static at::Tensor Padded(const at::Tensor& x, const Sides& kernel, const Sides& stride) {
    std::vector<int64_t> padding;
    for (int d = 2; d >= 0; --d) {
      const int64_t size = x.size(2 + d), windows = (size + stride[d] - 1) / stride[d];
      const int64_t all = std::max<int64_t>((windows - 1) * stride[d] + kernel[d] - size, 0);
      padding.push_back(all / 2), padding.push_back(all - all / 2);
    }
    return at::constant_pad_nd(x, padding, 0);
  }
  static at::Tensor Pool(const at::Tensor& x, const Sides& kernel, const Sides& stride) {
    return at::max_pool3d(Padded(x, kernel, stride), kernel, stride);
  }
  at::Tensor Unit(const std::string& name, const at::Tensor& x, int64_t stride = 1) const {
    const at::Tensor weight = Tensor(name + ".conv3d.weight");
    const Sides kernel = {weight.size(2), weight.size(3), weight.size(4)};
    const Sides strides = {stride, stride, stride};
    const at::Tensor y = at::conv3d(Padded(x, kernel, strides), weight, {}, strides);
    const auto norm = [&](const char* part) { return Tensor(name + ".bn." + part); };
    return at::relu(at::batch_norm(y, norm("weight"), norm("bias"), norm("running_mean"),
                                   norm("running_var"), false, 0, .001, false));
  }
  at::Tensor Mixed(const std::string& name, const at::Tensor& x) const {
    const std::string p = name + ".";
    return at::cat(
        {Unit(p + "b0", x), Unit(p + "b1b", Unit(p + "b1a", x)),
         Unit(p + "b2b", Unit(p + "b2a", x)), Unit(p + "b3b", Pool(x, {3, 3, 3}, {1, 1, 1}))},
        1);
  }

  Checkpoint file_;
};

TEST(I3dTest, EqualsConvolutionsOverFrames) {
  const std::filesystem::path file = TestPath();
  WriteI3dFile(file, 8, 11);
  EXPECT_TRUE(IsI3dFile(file));
  // Two pooled frames, three of odd counts, and five.
  for (const auto& [frames, size] : {std::pair{16, 64}, {19, 48}, {37, 32}}) {
    const I3d i3d = LoadI3d(file, frames, size);
    EXPECT_FALSE(i3d.full_size);
    std::vector<float> clips(2 * frames * size * size * 3);
    FillNormal(5, RandomPurpose::kTest, frames, clips);
    const FeatureExtractor features(i3d.graph, i3d.parameters, i3d.hash, kernels::BestKernels());
    const std::vector<float> found = features.Extract(clips, 2);
    const at::Tensor expected =
        Reference(file)
            .Run(TensorOf(clips, {2, frames, size, size, 3}).permute({0, 4, 1, 2, 3}))
            .contiguous();
    ASSERT_EQ(static_cast<int64_t>(found.size()), expected.numel());
    const float* const values = expected.data_ptr<float>();
    const double range = (expected.max() - expected.min()).item<double>();
    double worst = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      worst = std::max<double>(worst, std::fabs(found[i] - values[i]));
    }
    std::printf("  %d frames of %d: largest difference %.1e of the range\n", frames, size,
                worst / range);
    EXPECT_LT(worst, 1e-5 * range);
    // Neither weights nor frames are mixed up in a way that a mean hides.
    EXPECT_GT(at::std(expected, 0).max().item<double>(), 1e-3 * range);
  }
}

}  // namespace
}  // namespace tmpq
