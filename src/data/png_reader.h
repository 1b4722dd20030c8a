// PNG images from files and folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tmpq {

// Images of one size as bytes, (count, height, width, channels), channels 1 or 3.
struct ByteImages {
  int64_t count = 0, height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

// One image; `where` names it in errors. Palettes become RGB, grey below 8 bits becomes 8. Throws
// kCorrupt (not a PNG, truncated, wrong checksum) or kUnsupported (16 bits a channel, transparency:
// their values would have to be changed to be compared).
ByteImages DecodePng(std::string_view bytes, const std::string& where);

// All *.png of a folder (not below it), in the order of their names. Throws kIo for a missing
// folder, kInput for one without PNGs or with images of different sizes, naming two of them.
ByteImages ReadPngFolder(const std::filesystem::path& folder);

}  // namespace tmpq
