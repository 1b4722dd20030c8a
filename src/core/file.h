// Files: whole or not at all. Writers go through a temporary file beside the target (write, sync,
// rename).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace tmpq {

// Reads a whole file. Throws kIo when it cannot be read, kInput when larger than `max_bytes`.
std::string ReadFile(const std::filesystem::path& path, size_t max_bytes = size_t{1} << 32);

// Writes `bytes` so that `path` holds either its old content or all of the new one. Throws kIo.
void WriteFileAtomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void WriteFileAtomically(const std::filesystem::path& path, std::string_view text);

// Syncs a file that another library wrote to `temporary` and renames it to `path`. Throws kIo.
void PublishFile(const std::filesystem::path& temporary, const std::filesystem::path& path);

// The name under which a file is written before it is published.
std::filesystem::path TemporaryName(const std::filesystem::path& path);

// Throws kUsage if `path` exists and `overwrite` is not set.
void RefuseToOverwrite(const std::filesystem::path& path, bool overwrite);

// Creates the folder (and its parents) and proves it writable. Throws kIo.
void PrepareFolder(const std::filesystem::path& folder);

// A read-only memory map of a whole file; pages are shared between processes. Const-safe.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// An append-only file; every Append is on the disk before it returns. Not thread-safe.
class AppendFile {
 public:
  // Opens or creates `path`; existing bytes past `keep_bytes` (a torn tail) are cut off.
  AppendFile(const std::filesystem::path& path, size_t keep_bytes);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  void Append(std::string_view text);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace tmpq
