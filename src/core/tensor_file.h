// Safetensors files (https://github.com/huggingface/safetensors), memory-mapped, with a checksum of
// our own.
//
// Layout: 8-byte little-endian header length, JSON header, tensor data. Files that tmpq writes
// carry `tmpq.checksum` in the metadata: the hash of the whole file with the checksum's own digits
// set to '0', so that a flipped bit anywhere is found. Files of other writers have none and are
// checked for shape only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "src/core/file.h"
#include "src/core/hash.h"

namespace tmpq {

enum class DType { kF32, kF16, kBF16, kF64, kI8, kU8, kI16, kI32, kI64, kBool };

size_t SizeOf(DType dtype);
const char* NameOf(DType dtype);  // as in the file: "F32", ...

// One tensor of a file; `data` points into the map.
struct TensorView {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;

  int64_t elements() const;
};

// A file opened for reading. Const-safe; views live as long as the file object.
class TensorFile {
 public:
  enum class Checksum { kRequired, kIfPresent };

  // Throws kIo (missing), kCorrupt (truncated, overlapping, wrong checksum) or kInput (bad header).
  explicit TensorFile(const std::filesystem::path& path, Checksum checksum = Checksum::kRequired);

  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }
  // Hash over the whole file; names the artefact in provenance.
  Hash128 hash() const { return hash_; }

  bool Has(const std::string& name) const { return tensors_.count(name) > 0; }
  const TensorView& Get(const std::string& name) const;
  const std::string& Metadata(const std::string& key) const;
  // The tensor's elements; throws kInput unless dtype and shape are as asked (empty shape: any).
  std::span<const float> Floats(const std::string& name,
                                const std::vector<int64_t>& shape = {}) const;
  std::span<const int16_t> Int16s(const std::string& name,
                                  const std::vector<int64_t>& shape = {}) const;
  std::span<const int32_t> Int32s(const std::string& name,
                                  const std::vector<int64_t>& shape = {}) const;
  std::span<const uint8_t> Bytes(const std::string& name,
                                 const std::vector<int64_t>& shape = {}) const;
  std::span<const double> Doubles(const std::string& name,
                                  const std::vector<int64_t>& shape = {}) const;

 private:
  const TensorView& GetChecked(const std::string& name, DType dtype,
                               const std::vector<int64_t>& shape) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> metadata_;
  Hash128 hash_;
};

// Collects tensors and writes them, widest element type first and then by name, with the checksum.
class TensorFileWriter {
 public:
  void SetMetadata(const std::string& key, const std::string& value);
  void Add(const std::string& name, DType dtype, std::vector<int64_t> shape,
           std::span<const std::byte> data);
  void AddFloats(const std::string& name, std::vector<int64_t> shape, std::span<const float> data);
  void AddInt16s(const std::string& name, std::vector<int64_t> shape,
                 std::span<const int16_t> data);
  void AddInt32s(const std::string& name, std::vector<int64_t> shape,
                 std::span<const int32_t> data);
  void AddBytes(const std::string& name, std::vector<int64_t> shape, std::span<const uint8_t> data);
  void AddDoubles(const std::string& name, std::vector<int64_t> shape,
                  std::span<const double> data);

  // The file's bytes; the same content gives the same bytes.
  std::string Serialize() const;
  // Writes whole or not at all.
  void Write(const std::filesystem::path& path) const;

 private:
  struct Entry {
    DType dtype;
    std::vector<int64_t> shape;
    std::vector<std::byte> data;
  };
  std::map<std::string, Entry> entries_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace tmpq
