#include "src/data/npy_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

#include "src/core/error.h"
#include "src/core/file.h"

namespace tmpq {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionEnd = 8;
constexpr double kMostElements = 1e10;

// The text of the header's dictionary after "'key':", without leading blanks.
std::string_view ValueOf(std::string_view header, const std::string& key,
                         const std::string& where) {
  const size_t found = header.find("'" + key + "'");
  const size_t colon = found == std::string_view::npos ? found : header.find(':', found);
  const size_t begin =
      colon == std::string_view::npos ? colon : header.find_first_not_of(' ', colon + 1);
  if (begin == std::string_view::npos) {
    throw Error(ErrorCode::kCorrupt, where, "has an NPY header without '" + key + "'");
  }
  return header.substr(begin);
}

std::vector<int64_t> ParseShape(std::string_view text, const std::string& where) {
  std::vector<int64_t> shape;
  int64_t number = -1;  // none is being read
  double elements = 1;
  for (const char c : text.substr(0, text.find(')'))) {
    if (c >= '0' && c <= '9') {
      number = std::max<int64_t>(number, 0) * 10 + (c - '0');
      if (static_cast<double>(number) > kMostElements)
        throw Error(ErrorCode::kCorrupt, where, "has a shape that cannot be");
    } else if (number >= 0) {
      shape.push_back(number);
      number = -1;
    }
  }
  if (number >= 0) shape.push_back(number);
  for (const int64_t size : shape) elements *= static_cast<double>(size);
  if (text.empty() || text[0] != '(' || elements > kMostElements)
    throw Error(ErrorCode::kCorrupt, where, "has a shape that cannot be");
  return shape;
}

// Header and payload of a file's bytes.
struct Parts {
  std::string_view header, payload;
};

Parts Split(std::string_view bytes, const std::string& where) {
  if (bytes.size() < kVersionEnd + 2 || bytes.substr(0, kMagic.size()) != kMagic) {
    throw Error(ErrorCode::kCorrupt, where, "is not an NPY file", "written by numpy.save");
  }
  const size_t length_bytes = bytes[6] == 1 ? 2 : 4;  // major version 1, or 2 and 3
  size_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) {
    if (kVersionEnd + i < bytes.size())
      length = length << 8 | static_cast<uint8_t>(bytes[kVersionEnd + i]);
  }
  const size_t begin = kVersionEnd + length_bytes;
  if (begin + length > bytes.size())
    throw Error(ErrorCode::kCorrupt, where, "is truncated within its header");
  return {bytes.substr(begin, length), bytes.substr(begin + length)};
}

template <typename T>
std::vector<float> Convert(std::string_view payload) {
  static_assert(std::endian::native == std::endian::little);
  std::vector<float> values(payload.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T value;
    std::memcpy(&value, payload.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<float>(value);
  }
  return values;
}

}  // namespace

NpyArray ReadNpy(const std::filesystem::path& path) {
  const std::string where = path.string(), bytes = ReadFile(path, size_t{1} << 36);
  const Parts parts = Split(bytes, where);
  if (ValueOf(parts.header, "fortran_order", where).substr(0, 4) == "True") {
    throw Error(ErrorCode::kInput, where, "is in Fortran order",
                "save numpy.ascontiguousarray(x), which is in C order");
  }
  const std::string_view type = ValueOf(parts.header, "descr", where).substr(0, 5);
  const size_t size = type == "'<f4'" ? 4 : type == "'<f8'" ? 8 : type == "'|u1'" ? 1 : 0;
  if (size == 0) {
    throw Error(ErrorCode::kInput, where, "has elements of type " + std::string(type),
                "float32, float64 or uint8");
  }
  NpyArray array;
  array.shape = ParseShape(ValueOf(parts.header, "shape", where), where);
  size_t expected = size;
  for (const int64_t extent : array.shape) expected *= static_cast<size_t>(extent);
  if (parts.payload.size() != expected) {
    throw Error(ErrorCode::kCorrupt, where,
                std::string(parts.payload.size() < expected ? "is truncated" : "is too long") +
                    ": its shape needs " + std::to_string(expected) + " bytes of data, it has " +
                    std::to_string(parts.payload.size()));
  }
  array.bytes = size == 1;
  array.values = size == 4   ? Convert<float>(parts.payload)
                 : size == 8 ? Convert<double>(parts.payload)
                             : Convert<uint8_t>(parts.payload);
  return array;
}

}  // namespace tmpq
