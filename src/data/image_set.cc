#include "src/data/image_set.h"

#include <zlib.h>

#include <string>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 28;  // an IDX file of this set has 47 MB

std::string ReadGzip(const std::filesystem::path& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    throw Error(
        ErrorCode::kIo, path.string(), "cannot open the data set",
        "install the Debian package dataset-fashion-mnist or name the folder in the config");
  }
  std::string bytes, buffer(1 << 20, '\0');
  int got = 0;
  while ((got = gzread(file, buffer.data(), static_cast<unsigned>(buffer.size()))) > 0 &&
         bytes.size() < kMaxBytes) {
    bytes.append(buffer, 0, static_cast<size_t>(got));
  }
  const bool complete = got == 0 && gzeof(file) != 0;
  const bool closed = gzclose(file) == Z_OK;
  if (!complete || !closed)
    throw Error(ErrorCode::kCorrupt, path.string(), "is damaged or truncated");
  return bytes;
}

// The payload of an IDX file of unsigned bytes with the given number of dimensions, which are
// returned too.
std::string ReadIdx(const std::filesystem::path& path, int dimensions, int64_t sizes[]) {
  const std::string bytes = ReadGzip(path);
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const size_t header = 4 + 4 * static_cast<size_t>(dimensions);
  if (bytes.size() < header || byte(0) != 0 || byte(1) != 0 || byte(2) != 8 ||
      byte(3) != dimensions) {
    throw Error(ErrorCode::kCorrupt, path.string(),
                "is not an IDX file of bytes with " + std::to_string(dimensions) + " dimensions");
  }
  double expected = 1;
  for (int d = 0; d < dimensions; ++d) {
    const size_t at = 4 + 4 * static_cast<size_t>(d);
    sizes[d] = int64_t{byte(at)} << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
    expected *= static_cast<double>(sizes[d]);
  }
  if (expected != static_cast<double>(bytes.size() - header)) {
    throw Error(ErrorCode::kCorrupt, path.string(), "has another size than its header says");
  }
  return bytes.substr(header);
}

}  // namespace

ImageSet LoadFashionMnist(const std::filesystem::path& folder, Split split) {
  const std::string prefix = split == Split::kTrain ? "train" : "t10k";
  const auto image_path = folder / (prefix + "-images-idx3-ubyte.gz");
  int64_t image_sizes[3], label_sizes[1];
  const std::string images = ReadIdx(image_path, 3, image_sizes);
  const std::string labels = ReadIdx(folder / (prefix + "-labels-idx1-ubyte.gz"), 1, label_sizes);
  if (image_sizes[0] != label_sizes[0]) {
    throw Error(ErrorCode::kCorrupt, image_path.string(),
                "has not as many images as there are labels");
  }
  ImageSet set{image_sizes[0], image_sizes[1], image_sizes[2], 1, {}, {}};
  set.pixels.reserve(images.size());
  for (const char pixel : images) set.pixels.push_back(static_cast<uint8_t>(pixel) / 127.5f - 1.0f);
  for (const char label : labels) set.labels.push_back(static_cast<uint8_t>(label));
  return set;
}

}  // namespace tmpq
