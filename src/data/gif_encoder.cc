#include "src/data/gif_encoder.h"

#include <gif_lib.h>

#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr int kColours = 256, kColourBits = 8;
constexpr int64_t kMaxSide = 65535;

int AppendBytes(GifFileType* gif, const GifByteType* data, int size) {
  static_cast<std::string*>(gif->UserData)->append(reinterpret_cast<const char*>(data), size);
  return size;
}

void Check(int result, const GifFileType* gif) {
  if (result == GIF_OK) return;
  const char* text = GifErrorString(gif != nullptr ? gif->Error : E_GIF_ERR_NOT_ENOUGH_MEM);
  throw Error(ErrorCode::kInput, "GIF", text != nullptr ? text : "cannot be written");
}

// The pixels' colours, at most 256, and which one each pixel has.
struct Indexed {
  std::vector<GifColorType> colours = std::vector<GifColorType>(kColours);
  std::vector<GifByteType> pixels;
};

Indexed Quantize(std::span<const uint8_t> pixels, int64_t height, int64_t width) {
  const size_t count = pixels.size() / 3;
  std::vector<GifByteType> red(count), green(count), blue(count);
  for (size_t i = 0; i < count; ++i) {
    red[i] = pixels[3 * i], green[i] = pixels[3 * i + 1], blue[i] = pixels[3 * i + 2];
  }
  Indexed indexed;
  indexed.pixels.resize(count);
  int colours = kColours;
  const int result = GifQuantizeBuffer(static_cast<unsigned>(width), static_cast<unsigned>(height),
                                       &colours, red.data(), green.data(), blue.data(),
                                       indexed.pixels.data(), indexed.colours.data());
  Check(result, nullptr);
  return indexed;
}

}  // namespace

GifEncoder::GifEncoder(int64_t height, int64_t width, int frames) : height_(height), width_(width) {
  CheckRange("height of a GIF", static_cast<double>(height), 1, static_cast<double>(kMaxSide));
  CheckRange("width of a GIF", static_cast<double>(width), 1, static_cast<double>(kMaxSide));
  CheckRange("frames of a GIF", frames, 1, 100000);
  int error = 0;
  gif_ = EGifOpen(&bytes_, AppendBytes, &error);
  Check(gif_ != nullptr ? GIF_OK : GIF_ERROR, gif_);
  EGifSetGifVersion(gif_, true);
  Check(EGifPutScreenDesc(gif_, static_cast<int>(width), static_cast<int>(height), kColourBits, 0,
                          nullptr),
        gif_);
  const unsigned char repeat_forever[] = {1, 0, 0};
  Check(EGifPutExtensionLeader(gif_, APPLICATION_EXT_FUNC_CODE), gif_);
  Check(EGifPutExtensionBlock(gif_, 11, "NETSCAPE2.0"), gif_);
  Check(EGifPutExtensionBlock(gif_, 3, repeat_forever), gif_);
  Check(EGifPutExtensionTrailer(gif_), gif_);
}

GifEncoder::~GifEncoder() {
  int error = 0;
  if (gif_ != nullptr) EGifCloseFile(gif_, &error);
}

void GifEncoder::Append(std::span<const uint8_t> pixels, int centiseconds) {
  TMPQ_CHECK(static_cast<int64_t>(pixels.size()) == height_ * width_ * 3, "a GIF's frame");
  Indexed indexed = Quantize(pixels, height_, width_);
  const GraphicsControlBlock control{DISPOSE_DO_NOT, false, centiseconds, NO_TRANSPARENT_COLOR};
  GifByteType extension[4];
  const size_t size = EGifGCBToExtension(&control, extension);
  Check(EGifPutExtension(gif_, GRAPHICS_EXT_FUNC_CODE, static_cast<int>(size), extension), gif_);
  ColorMapObject* colours = GifMakeMapObject(kColours, indexed.colours.data());
  const int described = EGifPutImageDesc(gif_, 0, 0, static_cast<int>(width_),
                                         static_cast<int>(height_), false, colours);
  GifFreeMapObject(colours);
  Check(described, gif_);
  for (int64_t row = 0; row < height_; ++row) {
    Check(EGifPutLine(gif_, indexed.pixels.data() + row * width_, static_cast<int>(width_)), gif_);
  }
}

std::string GifEncoder::Finish() {
  int error = 0;
  GifFileType* gif = gif_;
  gif_ = nullptr;
  Check(EGifCloseFile(gif, &error), nullptr);
  return std::move(bytes_);
}

}  // namespace tmpq
