// A copy of a fixture's folder to break, removed at the end of its test.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "src/core/file.h"
#include "tests/test_path.h"

namespace tmpq {

class FolderCopy {
 public:
  explicit FolderCopy(const std::filesystem::path& from) {
    folder_ = TestPath();
    std::filesystem::copy(from, folder_, std::filesystem::copy_options::recursive);
  }
  FolderCopy(const FolderCopy&) = delete;
  FolderCopy& operator=(const FolderCopy&) = delete;
  ~FolderCopy() { std::filesystem::remove_all(folder_); }

  const std::filesystem::path& folder() const { return folder_; }

  // Replaces `what`, which has to be there once, in a text file.
  void Replace(const std::string& file, const std::string& what, const std::string& by) const {
    std::string text = ReadFile(folder_ / file);
    const size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what << " is not in " << file;
    std::ofstream(folder_ / file, std::ios::binary) << text.replace(at, what.size(), by);
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace tmpq
