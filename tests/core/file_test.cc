#include "src/core/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "src/core/error.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_);
  }
  size_t FileCount() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }
  fs::path folder_;
};

// Files can only grow to `bytes` while this lives, as on a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_;
  sighandler_t handler_;
};

TEST_F(FileTest, WritesWholeAndReplaces) {
  WriteFileAtomically(folder_ / "a", "one");
  EXPECT_EQ(ReadFile(folder_ / "a"), "one");
  WriteFileAtomically(folder_ / "a", "second");
  EXPECT_EQ(ReadFile(folder_ / "a"), "second");
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(FileTest, AFullDiskKeepsTheOldContentAndNoLeftovers) {
  WriteFileAtomically(folder_ / "a", "old");
  const std::string large(100'000, 'x');
  {
    const FullDisk full(1000);
    EXPECT_THROW(WriteFileAtomically(folder_ / "a", large), Error);
    EXPECT_THROW(WriteFileAtomically(folder_ / "b", large), Error);
  }
  EXPECT_EQ(ReadFile(folder_ / "a"), "old");
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(FileTest, ErrorsNameThePath) {
  for (const fs::path& path : {folder_ / "none" / "a", fs::path("/proc/none/a")}) {
    try {
      WriteFileAtomically(path, "x");
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(ReadFile(folder_ / "none"), Error);
  EXPECT_THROW(ReadFile(folder_), Error);
  EXPECT_THROW(MappedFile{folder_ / "none"}, Error);
  WriteFileAtomically(folder_ / "a", "12345");
  EXPECT_THROW(ReadFile(folder_ / "a", 4), Error);
  EXPECT_THROW(PrepareFolder(folder_ / "a" / "b"), Error);
}

TEST_F(FileTest, RefusesToOverwrite) {
  WriteFileAtomically(folder_ / "a", "x");
  EXPECT_THROW(RefuseToOverwrite(folder_ / "a", false), Error);
  EXPECT_NO_THROW(RefuseToOverwrite(folder_ / "a", true));
  EXPECT_NO_THROW(RefuseToOverwrite(folder_ / "b", false));
}

TEST_F(FileTest, AppendFileCutsATornTail) {
  {
    AppendFile file(folder_ / "log", 0);
    file.Append("one\n");
    file.Append("two\nhal");
  }
  AppendFile file(folder_ / "log", 8);
  file.Append("three\n");
  EXPECT_EQ(ReadFile(folder_ / "log"), "one\ntwo\nthree\n");
}

TEST_F(FileTest, MapsWholeFiles) {
  WriteFileAtomically(folder_ / "a", "12345");
  const MappedFile file(folder_ / "a");
  EXPECT_EQ(file.bytes().size(), 5u);
  WriteFileAtomically(folder_ / "empty", "");
  EXPECT_EQ(MappedFile(folder_ / "empty").bytes().size(), 0u);
}

}  // namespace
}  // namespace tmpq
