#include "src/data/image_writer.h"

#include <png.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/data/gif_encoder.h"

namespace tmpq {
namespace {

constexpr int64_t kGap = 2;  // pixels between images of a grid
constexpr uint8_t kGapGrey = 128;
constexpr int64_t kNpyAlignment = 64;

void AppendToString(png_structp png, png_bytep data, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(data), size);
}

[[noreturn]] void ThrowPngError(png_structp, png_const_charp message) {
  throw Error(ErrorCode::kInput, "PNG", message);
}
void IgnoreWarning(png_structp, png_const_charp) {}

std::string EncodePng(const std::vector<uint8_t>& pixels, int64_t height, int64_t width,
                      int64_t channels) {
  std::string bytes;
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, ThrowPngError, IgnoreWarning);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &bytes, AppendToString, nullptr);
  png_set_IHDR(png, info, static_cast<uint32_t>(width), static_cast<uint32_t>(height), 8,
               channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int64_t row = 0; row < height; ++row)
    png_write_row(png, pixels.data() + row * width * channels);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

// Interleaved bytes, 3 a pixel whatever the images have.
struct Canvas {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> pixels;
};

// Where a grid's cells are: cell i holds `frames` pictures side by side.
class Grid {
 public:
  Grid(const ImageBatch& images, int64_t columns, int64_t scale, int64_t frames)
      : images_(images), scale_(scale), frames_(frames) {
    if (images.count < 1 || (images.channels != 1 && images.channels != 3)) {
      throw Error(ErrorCode::kInput, "images", "cannot be shown",
                  "at least one image of 1 or 3 channels is expected");
    }
    columns_ = std::clamp<int64_t>(columns, 1, images.count);
    cell_height_ = images.height * scale, cell_width_ = frames * images.width * scale;
  }

  // With `first_frame` of each clip, and those after it in its cell.
  Canvas Draw(int64_t first_frame) const {
    const int64_t rows = (images_.count + columns_ - 1) / columns_;
    Canvas canvas{rows * (cell_height_ + kGap) - kGap, columns_ * (cell_width_ + kGap) - kGap, {}};
    canvas.pixels.assign(canvas.height * canvas.width * 3, kGapGrey);
    for (int64_t i = 0; i < images_.count; ++i) DrawCell(i, first_frame, canvas);
    return canvas;
  }

 private:
  void DrawCell(int64_t i, int64_t first_frame, Canvas& canvas) const {
    const int64_t channels = images_.channels, picture = images_.height * images_.width * channels;
    const float* clip =
        images_.values.data() + (i * std::max<int64_t>(1, images_.frames) + first_frame) * picture;
    const int64_t top = i / columns_ * (cell_height_ + kGap),
                  left = i % columns_ * (cell_width_ + kGap);
    for (int64_t y = 0; y < cell_height_; ++y) {
      for (int64_t x = 0; x < cell_width_; ++x) {
        const int64_t column = x / scale_, frame = column / images_.width;
        const float* pixel = clip + frame * picture +
                             (y / scale_ * images_.width + column % images_.width) * channels;
        for (int64_t c = 0; c < 3; ++c) {
          canvas.pixels[((top + y) * canvas.width + left + x) * 3 + c] =
              PixelOf(pixel[channels == 3 ? c : 0]);
        }
      }
    }
  }

  const ImageBatch& images_;
  int64_t scale_, frames_, columns_ = 1, cell_height_ = 0, cell_width_ = 0;
};

// One byte a pixel, for grey images.
std::vector<uint8_t> FirstChannel(const Canvas& canvas) {
  std::vector<uint8_t> grey(canvas.height * canvas.width);
  for (size_t i = 0; i < grey.size(); ++i) grey[i] = canvas.pixels[3 * i];
  return grey;
}

}  // namespace

uint8_t PixelOf(float value) {
  const float scaled = (value + 1.0f) * 127.5f;
  return !(scaled > 0.0f) ? 0 : static_cast<uint8_t>(std::lrint(std::min(scaled, 255.0f)));
}

ImageBatch BatchOf(std::span<const float> values, int64_t count,
                   const std::vector<int64_t>& shape) {
  if (shape.size() != 3 && shape.size() != 4) {
    throw Error(ErrorCode::kInput, "samples", "are neither images nor clips",
                "of shape ([frames,] height, width, channels)");
  }
  const size_t last = shape.size() - 1;
  return {values,          count,       shape[last - 2],
          shape[last - 1], shape[last], shape.size() == 4 ? shape[0] : 0};
}

std::string EncodePngGrid(const ImageBatch& images, int64_t columns, int64_t scale) {
  const Canvas canvas = Grid(images, columns, scale, std::max<int64_t>(1, images.frames)).Draw(0);
  return EncodePng(images.channels == 1 ? FirstChannel(canvas) : canvas.pixels, canvas.height,
                   canvas.width, images.channels);
}

std::string EncodeGifGrid(const ImageBatch& clips, int64_t columns, int64_t scale,
                          int frame_centiseconds) {
  if (clips.frames < 1) {
    throw Error(ErrorCode::kInput, "images", "do not move: a GIF shows clips", "write a PNG");
  }
  const Grid grid(clips, columns, scale, 1);
  std::vector<Canvas> frames;
  for (int64_t f = 0; f < clips.frames; ++f) frames.push_back(grid.Draw(f));
  GifEncoder encoder(frames[0].height, frames[0].width, static_cast<int>(clips.frames));
  for (const Canvas& frame : frames) encoder.Append(frame.pixels, frame_centiseconds);
  return encoder.Finish();
}

std::string EncodeNpy(const ImageBatch& images) {
  static_assert(std::endian::native == std::endian::little);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(images.count) + ", " +
                       (images.frames > 0 ? std::to_string(images.frames) + ", " : "") +
                       std::to_string(images.height) + ", " + std::to_string(images.width) + ", " +
                       std::to_string(images.channels) + "), }";
  const int64_t prefix = 10;  // magic, version, header length
  while ((prefix + static_cast<int64_t>(header.size()) + 1) % kNpyAlignment != 0) header += ' ';
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(images.values.data()), images.values.size_bytes());
  return bytes;
}

void CheckImageExtension(const std::filesystem::path& path) {
  const auto extension = path.extension();
  if (extension != ".png" && extension != ".npy" && extension != ".gif") {
    throw Error(ErrorCode::kUsage, path.string(), "has an unknown extension",
                ".png, .npy, or of clips .gif");
  }
}

void WriteImages(const std::filesystem::path& path, const ImageBatch& images) {
  CheckImageExtension(path);
  if (path.extension() == ".npy") return WriteFileAtomically(path, EncodeNpy(images));
  // A square of pictures: a strip of frames is as wide as they are.
  const double strip = path.extension() == ".png" ? std::max<double>(1, images.frames) : 1;
  const auto columns =
      static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images.count) / strip)));
  WriteFileAtomically(path, path.extension() == ".gif" ? EncodeGifGrid(images, columns, 4)
                                                       : EncodePngGrid(images, columns, 2));
}

}  // namespace tmpq
