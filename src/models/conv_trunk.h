// The residual convolutions that feature networks and encoders see a sample through.
#pragma once

#include <cstdint>

#include "src/graph/graph_builder.h"

namespace tmpq {

// Input "sample" ([frames,] height, width, channels), `frames` 0 for an image; a clip becomes a
// picture whose channels are all frames' channels, so that the first convolution sees motion.
NodeId SampleInput(GraphBuilder& b, int64_t frames, int64_t height, int64_t width,
                   int64_t channels);

// (height, width, channels) -> (2 width): a stem and two residual stages of `width` and twice as
// many channels with three halvings of the sides, then the mean over positions.
NodeId ConvTrunk(GraphBuilder& b, NodeId sample, int64_t width);

// The maps that perceptual distances compare: the last of each resolution.
inline constexpr const char* kTrunkMaps[] = {"stage1.add", "stage2.add", "down3.silu"};

}  // namespace tmpq
