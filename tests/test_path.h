// Where a test writes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

namespace tmpq {

// A path of the running test's own in the temporary folder: ctest runs the tests of a suite side by
// side, each in its process. Nothing is there; what is put there goes away with the process.
inline std::filesystem::path TestPath(const std::string& suffix = "") {
  static const struct Own {
    ~Own() { std::filesystem::remove_all(folder); }
    const std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / ("tmpq-test-" + std::to_string(getpid()));
  } own;
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string file = std::string(test->test_suite_name()) + "-" + test->name() + suffix;
  std::replace(file.begin(), file.end(), '/', '-');
  std::filesystem::create_directories(own.folder);
  return own.folder / file;
}

}  // namespace tmpq
