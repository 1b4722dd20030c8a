#include "src/core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "src/core/error.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void ThrowErrno(const fs::path& path, const std::string& action, int error) {
  throw Error(ErrorCode::kIo, path.string(), "cannot " + action + ": " + std::strerror(error));
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, const char* action) {
    value_ = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
    if (value_ < 0) ThrowErrno(path, action, errno);
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  int release() { return std::exchange(value_, -1); }

 private:
  int value_;
};

void WriteAll(const fs::path& path, int descriptor, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(descriptor, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ThrowErrno(path, "write", errno);
    data += written;
    size -= static_cast<size_t>(written);
  }
}

size_t SizeOfRegularFile(const fs::path& path, int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) ThrowErrno(path, "stat", errno);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kIo, path.string(), "is not a regular file");
  }
  return static_cast<size_t>(status.st_size);
}

// Makes a rename durable.
void SyncFolderOf(const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY, "open the folder");
  ::fsync(descriptor.get());
}

}  // namespace

std::string ReadFile(const fs::path& path, size_t max_bytes) {
  Descriptor descriptor(path, O_RDONLY, "open");
  const size_t size = SizeOfRegularFile(path, descriptor.get());
  if (size > max_bytes) {
    throw Error(ErrorCode::kInput, path.string(),
                "is larger than the " + std::to_string(max_bytes) + " bytes that are expected");
  }
  std::string text(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(descriptor.get(), text.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) ThrowErrno(path, "read", errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  text.resize(done);
  return text;
}

fs::path TemporaryName(const fs::path& path) {
  fs::path temporary = path;
  temporary += ".partial";
  return temporary;
}

void WriteFileAtomically(const fs::path& path, std::span<const std::byte> bytes) {
  const fs::path temporary = TemporaryName(path);
  try {
    {
      Descriptor descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC, "create");
      WriteAll(temporary, descriptor.get(), reinterpret_cast<const char*>(bytes.data()),
               bytes.size());
    }
    PublishFile(temporary, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void WriteFileAtomically(const fs::path& path, std::string_view text) {
  WriteFileAtomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

void PublishFile(const fs::path& temporary, const fs::path& path) {
  {
    Descriptor descriptor(temporary, O_RDONLY, "open");
    if (::fsync(descriptor.get()) != 0) ThrowErrno(temporary, "sync", errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) ThrowErrno(path, "rename to", errno);
  SyncFolderOf(path);
}

void RefuseToOverwrite(const fs::path& path, bool overwrite) {
  std::error_code ignored;
  if (!overwrite && fs::exists(path, ignored)) {
    throw Error(ErrorCode::kUsage, path.string(), "exists already",
                "name another place or give --overwrite");
  }
}

void PrepareFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kIo, folder.string(), "cannot create the folder: " + error.message());
  }
  const fs::path probe = folder / ".tmpq-probe";
  { Descriptor descriptor(probe, O_WRONLY | O_CREAT | O_TRUNC, "write into the folder of"); }
  fs::remove(probe, error);
}

MappedFile::MappedFile(const fs::path& path) {
  Descriptor descriptor(path, O_RDONLY, "open");
  size_ = SizeOfRegularFile(path, descriptor.get());
  if (size_ == 0) return;
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, descriptor.get(), 0);
  if (address == MAP_FAILED) ThrowErrno(path, "map", errno);
  data_ = static_cast<const std::byte*>(address);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

AppendFile::AppendFile(const fs::path& path, size_t keep_bytes) : path_(path) {
  Descriptor descriptor(path, O_WRONLY | O_CREAT, "open");
  if (SizeOfRegularFile(path, descriptor.get()) > keep_bytes &&
      ::ftruncate(descriptor.get(), static_cast<off_t>(keep_bytes)) != 0) {
    ThrowErrno(path, "truncate", errno);
  }
  if (::lseek(descriptor.get(), 0, SEEK_END) < 0) ThrowErrno(path, "seek in", errno);
  descriptor_ = descriptor.release();
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::Append(std::string_view text) {
  WriteAll(path_, descriptor_, text.data(), text.size());
  if (::fdatasync(descriptor_) != 0) ThrowErrno(path_, "sync", errno);
}

}  // namespace tmpq
