// Fixed positional embeddings.
#pragma once

#include <cstdint>
#include <vector>

namespace tmpq {

// Sines, then cosines of every position: (positions, features), angles position / 10000^(i / half)
// (Vaswani et al., arXiv 1706.03762; diffusers' get_1d_sincos_pos_embed_from_grid).
std::vector<float> SincosPositions1d(const std::vector<double>& positions, int64_t features);
// Of the positions 0, 1, ..
std::vector<float> SincosPositions1d(int64_t count, int64_t features);

// Of an image's tokens, row by row: (rows * columns, features); the first half of the features is
// the column's, the second the row's.
std::vector<float> SincosPositions2d(const std::vector<double>& rows,
                                     const std::vector<double>& columns, int64_t features);

// As diffusers' PatchEmbed computes them (get_2d_sincos_pos_embed): positions are scaled by
// base_size / size / interpolation.
std::vector<float> SincosPositions2d(int64_t rows, int64_t columns, int64_t features,
                                     int64_t base_size, double interpolation);

// The table that OpKind::kRotary reads, of an image's tokens, row by row: (rows * columns,
// features), the cosine and sine of every pair's angle; the first half of the pairs turns with the
// column, the second with the row (diffusers' get_2d_rotary_pos_embed).
std::vector<float> RotaryPositions2d(const std::vector<double>& rows,
                                     const std::vector<double>& columns, int64_t features);

}  // namespace tmpq
