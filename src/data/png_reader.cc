#include "src/data/png_reader.h"

#include <png.h>

#include <algorithm>
#include <cstring>

#include "src/core/error.h"
#include "src/core/file.h"

namespace tmpq {
namespace {

// Where libpng's callbacks find the bytes and the name.
struct Source {
  std::string_view bytes;
  size_t at = 0;
  const std::string& where;
};

[[noreturn]] void ThrowCorrupt(png_structp png, png_const_charp message) {
  const auto* source = static_cast<const Source*>(png_get_error_ptr(png));
  throw Error(ErrorCode::kCorrupt, source->where, std::string("is a damaged PNG: ") + message);
}
void IgnoreWarning(png_structp, png_const_charp) {}

void ReadFromSource(png_structp png, png_bytep data, size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->bytes.size() - source->at)
    throw Error(ErrorCode::kCorrupt, source->where, "is a truncated PNG");
  std::memcpy(data, source->bytes.data() + source->at, size);
  source->at += size;
}

// libpng's two structures, freed on every way out.
class Reader {
 public:
  explicit Reader(Source& source)
      : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, ThrowCorrupt, IgnoreWarning)),
        info_(png_create_info_struct(png_)) {
    png_set_read_fn(png_, &source, ReadFromSource);
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  png_structp png() { return png_; }
  png_infop info() { return info_; }

 private:
  png_structp png_;
  png_infop info_;
};

void CheckSupported(Reader& reader, const std::string& where) {
  if (png_get_bit_depth(reader.png(), reader.info()) > 8) {
    throw Error(ErrorCode::kUnsupported, where, "has 16 bits a channel", "8 bits a channel");
  }
  if ((png_get_color_type(reader.png(), reader.info()) & PNG_COLOR_MASK_ALPHA) != 0 ||
      png_get_valid(reader.png(), reader.info(), PNG_INFO_tRNS) != 0) {
    throw Error(ErrorCode::kUnsupported, where, "has transparency",
                "grey or RGB; flatten it onto a background first");
  }
}

}  // namespace

ByteImages DecodePng(std::string_view bytes, const std::string& where) {
  constexpr size_t kSignature = 8;
  if (bytes.size() < kSignature ||
      png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, kSignature) != 0) {
    throw Error(ErrorCode::kCorrupt, where, "is not a PNG file");
  }
  Source source{bytes, 0, where};
  Reader reader(source);
  png_read_info(reader.png(), reader.info());
  CheckSupported(reader, where);
  png_set_expand(reader.png());
  png_set_interlace_handling(reader.png());
  png_read_update_info(reader.png(), reader.info());
  ByteImages image{1,
                   png_get_image_height(reader.png(), reader.info()),
                   png_get_image_width(reader.png(), reader.info()),
                   png_get_channels(reader.png(), reader.info()),
                   {}};
  const int64_t stride = image.width * image.channels;
  image.pixels.resize(image.height * stride);
  std::vector<png_bytep> rows;
  for (int64_t y = 0; y < image.height; ++y) rows.push_back(image.pixels.data() + y * stride);
  png_read_image(reader.png(), rows.data());
  png_read_end(reader.png(), nullptr);
  return image;
}

ByteImages ReadPngFolder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw Error(ErrorCode::kIo, folder.string(), "is not a folder");
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() == ".png")
      paths.push_back(entry.path());
  }
  if (paths.empty()) {
    throw Error(ErrorCode::kInput, folder.string(), "holds no PNG",
                "a folder of *.png, all of one size");
  }
  std::sort(paths.begin(), paths.end());
  const auto size_of = [](const ByteImages& image) {
    return std::to_string(image.height) + " x " + std::to_string(image.width) + " x " +
           std::to_string(image.channels);
  };
  ByteImages all;
  for (const auto& path : paths) {
    ByteImages image = DecodePng(ReadFile(path), path.string());
    if (all.count == 0) {
      all = std::move(image);
      continue;
    }
    if (image.height != all.height || image.width != all.width || image.channels != all.channels) {
      throw Error(
          ErrorCode::kInput, path.string(),
          "is " + size_of(image) + ", but " + paths[0].filename().string() + " is " + size_of(all),
          "all images of a folder have one size");
    }
    all.pixels.insert(all.pixels.end(), image.pixels.begin(), image.pixels.end());
    ++all.count;
  }
  return all;
}

}  // namespace tmpq
