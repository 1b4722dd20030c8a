#include "src/models/i3d.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "src/core/error.h"
#include "src/graph/graph_builder.h"
#include "src/models/checkpoint.h"
#include "src/models/folded_norm.h"
#include "src/models/narrowed_port.h"

namespace tmpq {
namespace {

constexpr int64_t kStemChannels = 64, kMostDivisor = 8, kLastChannels = 1024;
constexpr int64_t kPooledFrames = 2;
constexpr double kEpsilon = 0.001;  // of the batch norms
constexpr const char* kFirstWeight = "Conv3d_1a_7x7.conv3d.weight";
constexpr const char* kLastWeight = "logits.conv3d.weight";
constexpr const char* kConvolution = ".conv3d";

// A window over frames and pixels, by sides.
struct Cube {
  int64_t frames = 1, side = 1;
  int64_t frame_stride = 1, stride = 1;
};
constexpr Cube kPoint{}, kCube3{3, 3, 1, 1};

// Padding that makes ceil(size / stride) windows, the odd zero at the end (TensorFlow's "same").
struct SamePadding {
  int64_t begin, extra_end;

  SamePadding(int64_t size, int64_t kernel, int64_t stride) {
    const int64_t rest = size % stride == 0 ? stride : size % stride;
    const int64_t total = std::max<int64_t>(kernel - rest, 0);
    begin = total / 2, extra_end = total - 2 * begin;
  }
};

struct Clip {
  NodeId id;
  int64_t frames, size, channels;
};

// The shapes of a convolution as the port stores it, channels last: (N, frames, side, side, C).
struct StoredConvolution {
  std::string module;
  Shape weight;
  bool norm;
};

// The parts of the network, with module names as node names.
struct Parts {
  GraphBuilder& b;
  int64_t divisor;
  std::vector<StoredConvolution>& convolutions;

  // Windows of frames side by side in the channels.
  Clip Frames(const std::string& name, const Clip& x, int64_t kernel, int64_t stride) const {
    if (kernel == 1) return x;
    const SamePadding padding(x.frames, kernel, stride);
    const NodeId id =
        b.FrameWindows(name + ".frames", x.id, kernel, stride, padding.begin, padding.extra_end);
    return {id, (x.frames + stride - 1) / stride, x.size, x.channels * kernel};
  }

  static Window WindowOf(const Clip& x, const Cube& cube) {
    const SamePadding padding(x.size, cube.side, cube.stride);
    return {cube.side, cube.side, cube.stride, padding.begin, padding.begin, padding.extra_end};
  }

  Clip Conv(const std::string& name, const Clip& x, int64_t channels, const Cube& cube) const {
    const int64_t own = channels / divisor;
    convolutions.push_back({name, {own, cube.frames, cube.side, cube.side, x.channels}, true});
    const Clip windows = Frames(name, x, cube.frames, cube.frame_stride);
    const NodeId y = b.Conv2d(name + kConvolution, windows.id, own, WindowOf(x, cube));
    return {b.Relu(name + ".relu", y), windows.frames, (x.size + cube.stride - 1) / cube.stride,
            own};
  }

  // Nothing is negative here, so that the port's zeros around the clip are no larger than it.
  Clip Pool(const std::string& name, const Clip& x, const Cube& cube) const {
    Clip y = {b.MaxPool(name, x.id, WindowOf(x, cube)), x.frames,
              (x.size + cube.stride - 1) / cube.stride, x.channels};
    if (cube.frames == 1) return y;
    const Clip windows = Frames(name, y, cube.frames, cube.frame_stride);
    const int64_t pixels = windows.frames * y.size * y.size;
    NodeId id = b.Reshape(name + ".apart", windows.id, {pixels, cube.frames, 1, y.channels});
    id = b.MaxPool(name + ".time", id, {.height = cube.frames, .width = 1});
    y.id = b.Reshape(name + ".together", id, {windows.frames, y.size, y.size, y.channels});
    y.frames = windows.frames;
    return y;
  }

  // Channels of the branches: 1 x 1; 1 x 1 and 3 x 3 x 3, twice; after the pool.
  Clip Mixed(const std::string& p, const Clip& x, const std::vector<int64_t>& channels) const {
    const auto twice = [&](const std::string& branch, int64_t narrow, int64_t wide) {
      return Conv(p + branch + "b", Conv(p + branch + "a", x, narrow, kPoint), wide, kCube3);
    };
    const std::vector<Clip> branches = {
        Conv(p + "b0", x, channels[0], kPoint), twice("b1", channels[1], channels[2]),
        twice("b2", channels[3], channels[4]),
        Conv(p + "b3b", Pool(p + "b3a", x, kCube3), channels[5], kPoint)};
    Clip out = {-1, x.frames, x.size, 0};
    std::vector<NodeId> ids;
    for (const Clip& branch : branches) {
      ids.push_back(branch.id), out.channels += branch.channels;
    }
    out.id = b.Concat(p + "out", ids);
    return out;
  }

  // Mean over all pixels of two frames, then over all such pairs.
  NodeId LastPool(const Clip& x) const {
    if (x.frames == kPooledFrames) return b.MeanPool(kI3dPooled, x.id);
    const NodeId pairs = b.FrameWindows("pairs", x.id, kPooledFrames, 1, 0);
    const NodeId means = b.MeanPool("pairs.mean", pairs);
    return b.MeanPool(kI3dPooled, b.Reshape("pairs.apart", means, {kPooledFrames, x.channels}));
  }
};

Graph Build(const I3dConfig& config, std::vector<StoredConvolution>& convolutions) {
  GraphBuilder b("i3d");
  const Parts parts{b, config.divisor, convolutions};
  Clip x = {b.Input("sample", {config.frames, config.size, config.size, 3}), config.frames,
            config.size, 3};
  x = parts.Conv("Conv3d_1a_7x7", x, kStemChannels, {7, 7, 2, 2});
  x = parts.Pool("MaxPool3d_2a_3x3", x, {1, 3, 1, 2});
  x = parts.Conv("Conv3d_2b_1x1", x, 64, kPoint);
  x = parts.Conv("Conv3d_2c_3x3", x, 192, kCube3);
  x = parts.Pool("MaxPool3d_3a_3x3", x, {1, 3, 1, 2});
  x = parts.Mixed("Mixed_3b.", x, {64, 96, 128, 16, 32, 32});
  x = parts.Mixed("Mixed_3c.", x, {128, 128, 192, 32, 96, 64});
  x = parts.Pool("MaxPool3d_4a_3x3", x, {3, 3, 2, 2});
  x = parts.Mixed("Mixed_4b.", x, {192, 96, 208, 16, 48, 64});
  x = parts.Mixed("Mixed_4c.", x, {160, 112, 224, 24, 64, 64});
  x = parts.Mixed("Mixed_4d.", x, {128, 128, 256, 24, 64, 64});
  x = parts.Mixed("Mixed_4e.", x, {112, 144, 288, 32, 64, 64});
  x = parts.Mixed("Mixed_4f.", x, {256, 160, 320, 32, 128, 128});
  x = parts.Pool("MaxPool3d_5a_2x2", x, {2, 2, 2, 2});
  x = parts.Mixed("Mixed_5b.", x, {256, 160, 320, 32, 128, 128});
  x = parts.Mixed("Mixed_5c.", x, {384, 192, 384, 48, 128, 128});
  if (x.frames < kPooledFrames) {
    throw Error(ErrorCode::kInput, "I3D", "sees clips of 9 frames or more",
                "these have " + std::to_string(config.frames));
  }
  TMPQ_CHECK(x.channels == kLastChannels / config.divisor, "I3D's last channels");
  convolutions.push_back({"logits", {config.classes, 1, 1, 1, x.channels}, false});
  return b.Finish(b.Linear(kI3dLogits, parts.LastPool(x), config.classes));
}

// Everything that the port's file holds, unfolded.
ParameterSet ReadStored(const Checkpoint& checkpoint,
                        const std::vector<StoredConvolution>& convolutions) {
  GraphBuilder b("i3d");
  NodeId last = -1;
  for (const StoredConvolution& convolution : convolutions) {
    const int64_t channels = convolution.weight[0];
    last = b.Parameter(convolution.module + kConvolution, convolution.weight);
    if (!convolution.norm) last = b.Parameter(convolution.module + ".conv3d.bias", {channels});
    for (const char* part : kNormParts) {
      if (convolution.norm) last = b.Parameter(convolution.module + ".bn." + part, {channels});
    }
  }
  ParameterSource source;
  for (const auto& [name, view] : checkpoint.tensors()) {
    if (name.ends_with(".num_batches_tracked")) source.ignored.insert(name);
  }
  return LoadParameters(checkpoint, b.Finish(last), source);
}

// (N, frames, side, side, C) -> (N, side, side, frames, C).
std::vector<float> FramesToChannels(std::span<const float> weights, const Shape& shape) {
  const int64_t pixels = shape[2] * shape[3], frames = shape[1], channels = shape[4];
  std::vector<float> moved(weights.size());
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t t = 0; t < frames; ++t) {
      for (int64_t p = 0; p < pixels; ++p) {
        std::copy_n(weights.data() + ((n * frames + t) * pixels + p) * channels, channels,
                    moved.data() + ((n * pixels + p) * frames + t) * channels);
      }
    }
  }
  return moved;
}

}  // namespace

Graph BuildI3d(const I3dConfig& config) {
  std::vector<StoredConvolution> convolutions;
  return Build(config, convolutions);
}

bool IsI3dFile(const std::filesystem::path& file) {
  const TensorFile tensors(file, TensorFile::Checksum::kIfPresent);
  return tensors.Has(kFirstWeight) || tensors.Has("Mixed_5c.b0.conv3d.weight");
}

I3d LoadI3d(const std::filesystem::path& file, int64_t frames, int64_t size) {
  const Checkpoint checkpoint(file, "");
  I3dConfig config{.frames = frames, .size = size};
  SetWidths(checkpoint, {kFirstWeight, kLastWeight, kStemChannels, kMostDivisor}, config);
  std::vector<StoredConvolution> convolutions;
  I3d i3d{Build(config, convolutions),
          {},
          checkpoint.hash(),
          config.divisor == 1 && config.classes == I3dConfig{}.classes};
  const ParameterSet stored = ReadStored(checkpoint, convolutions);
  for (const auto& [module, shape, norm] : convolutions) {
    const std::string name = module + kConvolution;
    FoldedConvolution folded;
    folded.weights = FramesToChannels(stored.Get(name + ".weight"), shape);
    if (norm) {
      folded = FoldNorm(folded.weights, stored, module + ".bn.", kEpsilon, file.string());
    } else {
      const auto bias = stored.Get(name + ".bias.weight");
      folded.biases.assign(bias.begin(), bias.end());
    }
    i3d.parameters.Set(name + ".weight", std::move(folded.weights));
    i3d.parameters.Set(name + ".bias", std::move(folded.biases));
  }
  return i3d;
}

}  // namespace tmpq
