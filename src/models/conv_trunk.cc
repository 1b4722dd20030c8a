#include "src/models/conv_trunk.h"

#include <string>

namespace tmpq {
namespace {

constexpr int64_t kNormGroups = 8;

NodeId ConvNormSilu(GraphBuilder& b, const std::string& p, NodeId x, int64_t channels,
                    int64_t stride) {
  x = b.Conv2d(p + "conv", x, channels, 3, stride, 1);
  return b.Silu(p + "silu", b.GroupNorm(p + "norm", x, kNormGroups));
}

NodeId Residual(GraphBuilder& b, const std::string& p, NodeId x, int64_t channels) {
  const NodeId h = ConvNormSilu(b, p + "a.", x, channels, 1);
  return b.Add(p + "add", x, ConvNormSilu(b, p + "b.", h, channels, 1));
}

}  // namespace

NodeId SampleInput(GraphBuilder& b, int64_t frames, int64_t height, int64_t width,
                   int64_t channels) {
  if (frames == 0) return b.Input("sample", {height, width, channels});
  const NodeId clip = b.Input("sample", {frames, height, width, channels});
  return b.Reshape("frames_as_channels", b.Permute("frames_last", clip, {1, 2, 0, 3}),
                   {height, width, frames * channels});
}

NodeId ConvTrunk(GraphBuilder& b, NodeId sample, int64_t width) {
  NodeId x = ConvNormSilu(b, "stem.", sample, width, 2);
  x = Residual(b, "stage1.", x, width);
  x = ConvNormSilu(b, "down2.", x, 2 * width, 2);
  x = Residual(b, "stage2.", x, 2 * width);
  x = ConvNormSilu(b, "down3.", x, 2 * width, 2);
  return b.MeanPool("pool", x);
}

}  // namespace tmpq
