// A folder of its own for what a benchmark makes, which goes with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "src/core/error.h"

namespace tmpq {

class TemporaryFolder {
 public:
  // Throws kIo.
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "tmpq-bench-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorCode::kIo, name, "cannot be made", "a writable TMPDIR");
    }
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tmpq
