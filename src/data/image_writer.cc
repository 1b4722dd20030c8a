#include "src/data/image_writer.h"

#include <png.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "src/core/error.h"
#include "src/core/file.h"

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

}  // namespace

uint8_t PixelOf(float value) {
  const float scaled = (value + 1.0f) * 127.5f;
  return !(scaled > 0.0f) ? 0 : static_cast<uint8_t>(std::lrint(std::min(scaled, 255.0f)));
}

std::string EncodePngGrid(const ImageBatch& images, int64_t columns, int64_t scale) {
  if (images.count < 1 || (images.channels != 1 && images.channels != 3)) {
    throw Error(ErrorCode::kInput, "images", "cannot be shown as PNG",
                "at least one image of 1 or 3 channels");
  }
  columns = std::clamp<int64_t>(columns, 1, images.count);
  const int64_t rows = (images.count + columns - 1) / columns, channels = images.channels;
  const int64_t cell_height = images.height * scale, cell_width = images.width * scale;
  const int64_t height = rows * (cell_height + kGap) - kGap,
                width = columns * (cell_width + kGap) - kGap;
  std::vector<uint8_t> pixels(height * width * channels, kGapGrey);
  for (int64_t i = 0; i < images.count; ++i) {
    const int64_t top = i / columns * (cell_height + kGap),
                  left = i % columns * (cell_width + kGap);
    const float* image = images.values.data() + i * images.height * images.width * channels;
    for (int64_t y = 0; y < cell_height; ++y) {
      for (int64_t x = 0; x < cell_width; ++x) {
        for (int64_t c = 0; c < channels; ++c) {
          pixels[((top + y) * width + left + x) * channels + c] =
              PixelOf(image[(y / scale * images.width + x / scale) * channels + c]);
        }
      }
    }
  }
  return EncodePng(pixels, height, width, channels);
}

std::string EncodeNpy(const ImageBatch& images) {
  static_assert(std::endian::native == std::endian::little);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(images.count) + ", " + std::to_string(images.height) + ", " +
                       std::to_string(images.width) + ", " + std::to_string(images.channels) +
                       "), }";
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
  if (path.extension() != ".png" && path.extension() != ".npy") {
    throw Error(ErrorCode::kUsage, path.string(), "has an unknown extension", ".png or .npy");
  }
}

void WriteImages(const std::filesystem::path& path, const ImageBatch& images) {
  CheckImageExtension(path);
  if (path.extension() == ".npy") return WriteFileAtomically(path, EncodeNpy(images));
  const auto columns =
      static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images.count))));
  WriteFileAtomically(path, EncodePngGrid(images, columns, 2));
}

}  // namespace tmpq
