// Animated GIFs through giflib.
#pragma once

#include <cstdint>
#include <span>
#include <string>

struct GifFileType;

namespace tmpq {

// Frames of one size are appended in turn; every frame has its own 256 colours. Not thread-safe.
class GifEncoder {
 public:
  // Throws kInput for sizes that a GIF cannot have.
  GifEncoder(int64_t height, int64_t width, int frames);
  ~GifEncoder();
  GifEncoder(const GifEncoder&) = delete;
  GifEncoder& operator=(const GifEncoder&) = delete;

  // `pixels`: height x width x 3 bytes.
  void Append(std::span<const uint8_t> pixels, int centiseconds);
  // The file's bytes; nothing may be appended after it.
  std::string Finish();

 private:
  int64_t height_, width_;
  GifFileType* gif_ = nullptr;
  std::string bytes_;
};

}  // namespace tmpq
