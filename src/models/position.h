// Fixed positional embeddings.
#pragma once

#include <cstdint>
#include <vector>

namespace tmpq {

// Sines and cosines of column and row, (rows * columns, features), as diffusers' PatchEmbed
// computes them (get_2d_sincos_pos_embed): the first half of the features is the column's, each
// half sines, then cosines. Positions are scaled by base_size / size / interpolation.
std::vector<float> SincosPositions2d(int64_t rows, int64_t columns, int64_t features,
                                     int64_t base_size, double interpolation);

// Sines, then cosines, of the positions 0, 1, .. : (count, features).
std::vector<float> SincosPositions1d(int64_t count, int64_t features);

}  // namespace tmpq
