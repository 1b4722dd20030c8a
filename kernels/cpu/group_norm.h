// Group normalization over rows of channels, a block of groups at a time so that loops run over
// channels. Sums have the lanes and the order of RowSum over each group's (pixels, width), pixel by
// pixel. Everything has internal linkage.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/cpu/rows.h"
#include "kernels/include/kernels.h"

namespace tmpq::kernels {
namespace {

constexpr int64_t kGroupsAtOnce = 32;
constexpr int64_t kColumnsAtOnce = 1024;
constexpr int64_t kGroupBuffer = 16 * kRowLanes;

// Where width divides the lanes: element (pixel, c) of a group is of lane (pixel mod P) width + c,
// P = lanes / width, so P rows of accumulators, one for each channel, are lanes of all groups at
// once. sums (groups) = sums of term(x, channel) over x (pixels, columns) at its stride.
template <typename Term>
void SumNarrowGroups(const float* x, int64_t pixels, int64_t stride, int64_t groups, int64_t width,
                     Term term, float* sums) {
  const int64_t columns = groups * width, period = kRowLanes / width;
  alignas(64) float lanes[kGroupsAtOnce * kRowLanes];  // (period, columns)
  for (int64_t i = 0; i < period * columns; ++i) lanes[i] = 0;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const float* __restrict row = x + pixel * stride;
    float* __restrict lane = lanes + pixel % period * columns;
    for (int64_t c = 0; c < columns; ++c) lane[c] = lane[c] + term(row[c], c);
  }
  for (int64_t g = 0; g < groups; ++g) {
    float of_group[kRowLanes];
    for (int64_t i = 0; i < kRowLanes; ++i) {
      of_group[i] = lanes[i / width * columns + g * width + i % width];
    }
    sums[g] = SumLanes(of_group);
  }
}

// Any width: a group's elements are lined up a buffer at a time.
template <typename Term>
void SumWideGroups(const float* x, int64_t pixels, int64_t stride, int64_t groups, int64_t width,
                   Term term, float* sums) {
  for (int64_t g = 0; g < groups; ++g) {
    alignas(64) float buffer[kGroupBuffer], lanes[kRowLanes] = {};
    int64_t filled = 0;
    const auto add = [&] {
      for (int64_t i = 0; i + kRowLanes <= filled; i += kRowLanes) {
        for (int lane = 0; lane < kRowLanes; ++lane) lanes[lane] = lanes[lane] + buffer[i + lane];
      }
      for (int64_t i = filled / kRowLanes * kRowLanes; i < filled; ++i) {
        lanes[i % kRowLanes] = lanes[i % kRowLanes] + buffer[i];
      }
      filled = 0;
    };
    for (int64_t pixel = 0; pixel < pixels; ++pixel) {
      const float* __restrict row = x + pixel * stride + g * width;
      for (int64_t c = 0; c < width;) {
        const int64_t left = kGroupBuffer - filled, count = width - c < left ? width - c : left;
        float* __restrict to = buffer + filled;
        for (int64_t i = 0; i < count; ++i) to[i] = term(row[c + i], g * width + c + i);
        filled += count, c += count;
        if (filled == kGroupBuffer) add();
      }
    }
    add();
    sums[g] = SumLanes(lanes);
  }
}

void GroupNormByBlocks(const GroupNormArgs& args) {
  const int64_t width = args.channels / args.groups;
  if (width > kColumnsAtOnce) return GroupNorm(args);
  const int64_t fitting = kColumnsAtOnce / width;
  const int64_t at_once = fitting < kGroupsAtOnce ? fitting : kGroupsAtOnce;
  const auto count = (float)(args.pixels * width);
  const bool narrow = kRowLanes % width == 0;
  for (int64_t first = 0; first < args.groups; first += at_once) {
    const int64_t left = args.groups - first, groups = left < at_once ? left : at_once;
    const int64_t columns = groups * width, begin = first * width, stride = args.x_stride;
    const float* x = args.x + begin;
    float sums[kGroupsAtOnce];
    alignas(64) float mean[kColumnsAtOnce], inverse[kColumnsAtOnce];
    const auto sum = [&](auto term) {
      narrow ? SumNarrowGroups(x, args.pixels, stride, groups, width, term, sums)
             : SumWideGroups(x, args.pixels, stride, groups, width, term, sums);
    };
    sum([](float value, int64_t) { return value; });
    for (int64_t c = 0; c < columns; ++c) mean[c] = sums[c / width] / count;
    sum([&](float value, int64_t c) { return (value - mean[c]) * (value - mean[c]); });
    for (int64_t c = 0; c < columns; ++c) {
      inverse[c] = 1.0f / sqrtf(sums[c / width] / count + args.epsilon);
    }
    for (int64_t pixel = 0; pixel < args.pixels; ++pixel) {
      const float* __restrict row = x + pixel * stride;
      const float* __restrict weight = args.weight + begin;
      const float* __restrict bias = args.bias + begin;
      float* __restrict out = args.out + pixel * args.out_stride + begin;
      for (int64_t c = 0; c < columns; ++c) {
        out[c] = fmaf((row[c] - mean[c]) * inverse[c], weight[c], bias[c]);
      }
    }
  }
}

}  // namespace
}  // namespace tmpq::kernels
