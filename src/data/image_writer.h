// Samples as files: PNG grids and GIF animations to look at, NPY arrays to compute with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace tmpq {

// Images or clips as one array (count, [frames,] height, width, channels), values in [-1, 1],
// channels 1 or 3.
struct ImageBatch {
  std::span<const float> values;
  int64_t count = 0, height = 0, width = 0, channels = 0;
  int64_t frames = 0;  // of a clip; 0: images
};

// Values of `count` samples of a network's shape, ([frames,] height, width, channels). Throws
// kInput for other shapes.
ImageBatch BatchOf(std::span<const float> values, int64_t count, const std::vector<int64_t>& shape);

// A value as 8 bits: [-1, 1] to 0..255, rounded to nearest, clamped; NaN is black.
uint8_t PixelOf(float value);

// A grid of `columns` images a row with 2 grey pixels between, each pixel shown `scale` x `scale`;
// a clip is the strip of its frames. The bytes depend on the images alone. Throws kInput when there
// is nothing to show or the channels are neither 1 nor 3.
std::string EncodePngGrid(const ImageBatch& images, int64_t columns, int64_t scale);
// The same grid of clips as an animation of `frame_centiseconds` a frame, repeated forever; 256
// colours. Throws kInput for images.
std::string EncodeGifGrid(const ImageBatch& clips, int64_t columns, int64_t scale,
                          int frame_centiseconds = 12);
// NumPy format 1.0: float32, C order, (count, [frames,] height, width, channels).
std::string EncodeNpy(const ImageBatch& images);

// By extension, .png (a square grid), .gif (of clips) or .npy; others throw kUsage. Whole or not at
// all.
void WriteImages(const std::filesystem::path& path, const ImageBatch& images);
// Throws kUsage when WriteImages would not know the extension; for checks before the work.
void CheckImageExtension(const std::filesystem::path& path);

}  // namespace tmpq
