// What is done to pictures before a network sees them: other filters and ranges give other
// distances, so all of it is part of a feature space.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/core/json.h"
#include "src/graph/graph.h"
#include "src/metrics/resize.h"

namespace tmpq {

// What pictures in [-1, 1] become before and after resizing.
enum class PictureValues {
  kFloats,   // stay
  kClipped,  // are cut to [-1, 1]
  kBytes,    // are rounded to bytes, after each pass of resizing too, as programs do that read PNGs
};

struct Preprocessing {
  std::optional<ResizeFilter> filter = {};  // to the network's size; none: other sizes are refused
  // Pixels of the shorter side after resizing, from whose centre the network's size is cut; 0: both
  // sides are stretched to the network's.
  int64_t shorter_side = 0;
  PictureValues values = PictureValues::kFloats;
  // By channel, of values in [0, 1], which are normalised to (value - mean) / deviation; empty:
  // values stay in [-1, 1].
  std::vector<double> mean = {}, deviation = {};
};

// Equal only for equal preprocessings: part of a feature space's hash, and of results.
Json ToJson(const Preprocessing& preprocessing);

// Throws kInput naming `where`, unless samples of `from` ([frames,] height, width, channels) can be
// brought to the network's shape `to`: frames have to be as many, channels too (1 is repeated), and
// sizes equal where there is no filter.
void CheckPreprocessing(const Preprocessing& preprocessing, const Shape& from, const Shape& to,
                        const std::string& where);

// Samples (n, from) in [-1, 1] -> (n, to). Precondition: CheckPreprocessing.
std::vector<float> Preprocess(const Preprocessing& preprocessing, std::span<const float> samples,
                              const Shape& from, const Shape& to);

}  // namespace tmpq
