// What cmake --install makes: programs that find their models wherever the prefix lies, and a
// package that a program of one's own is built against.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "src/core/file.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

// The prefix was moved after the installation.
class InstallTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    const ProcessResult result =
        RunProcess(TMPQ_CMAKE, {"--install", TMPQ_BUILD_DIR, "--prefix", Folder() / "at-first"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    fs::rename(Folder() / "at-first", Prefix());
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static const fs::path& Folder() { return TestFolder("install"); }
  static fs::path Prefix() { return Folder() / "prefix"; }
  static ProcessResult Run(const std::string& program, std::vector<std::string> arguments) {
    return RunProcess(Prefix() / "bin" / program, arguments);
  }
};

TEST_F(InstallTest, ProgramsFindTheInstalledModels) {
  const fs::path models = Prefix() / "share/tmpq/checkpoints";
  fs::rename(models / "fashion-dit", models / "moved-dit");  // nothing else has this name
  const ProcessResult result =
      Run("tmpq-run", {"--model=moved-dit", "--steps=2", "--count=2", "--backend=float",
                       "--out=" + (Folder() / "float.npy").string()});
  fs::rename(models / "moved-dit", models / "fashion-dit");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const auto& entry : fs::directory_iterator(Prefix() / "bin")) {
    const ProcessResult version = Run(entry.path().filename(), {"--version"});
    EXPECT_EQ(version.exit_code, 0) << entry.path() << version.err;
    EXPECT_TRUE(fs::exists(fs::path(TMPQ_BIN_DIR) / entry.path().filename())) << entry.path();
  }
}

TEST_F(InstallTest, AConsumerBuildsAndRunsAPlanToTheSameBytes) {
  const fs::path out = Folder() / "calibrated", built = Folder() / "consumer";
  const ProcessResult plan =
      Run("tmpq-calibrate", {"--model=fashion-dit", "--recipe=naive", "--bits=w4a8", "--steps=3",
                             "--out=" + out.string()});
  ASSERT_EQ(plan.exit_code, 0) << plan.err;
  const std::string path = out / "plan.safetensors";
  ASSERT_EQ(Run("tmpq-run",
                {"--plan=" + path, "--count=5", "--out=" + (Folder() / "expected.npy").string()})
                .exit_code,
            0);
  const ProcessResult configured = RunProcess(
      TMPQ_CMAKE, {"-S", TMPQ_SOURCE_DIR "/examples/run_plan", "-B", built, "-G", TMPQ_GENERATOR,
                   "-DCMAKE_PREFIX_PATH=" + Prefix().string(), "-DCMAKE_BUILD_TYPE=Release"});
  ASSERT_EQ(configured.exit_code, 0) << configured.out << configured.err;
  const ProcessResult build = RunProcess(TMPQ_CMAKE, {"--build", built});
  ASSERT_EQ(build.exit_code, 0) << build.out << build.err;
  const ProcessResult ran = RunProcess(built / "run_plan", {path, Folder() / "actual.npy", "5"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out, "5 samples in 3 steps\n");
  EXPECT_EQ(ReadFile(Folder() / "actual.npy") == ReadFile(Folder() / "expected.npy"), true);
}

// Every public header compiles alone against the prefix.
TEST_F(InstallTest, HeadersAreWhole) {
  std::string includes;
  int headers = 0;
  for (const auto& entry : fs::recursive_directory_iterator(Prefix() / "include/tmpq/src")) {
    if (entry.path().extension() != ".h") continue;
    const fs::path header = fs::relative(entry.path(), Prefix() / "include/tmpq");
    includes += "#include \"" + header.string() + "\"\n";
    ++headers;
  }
  EXPECT_GT(headers, 100);
  WriteFileAtomically(Folder() / "all.cc", includes + "int main() {}\n");
  const ProcessResult result = RunProcess(
      "/usr/bin/c++",
      {"-std=c++20", "-fsyntax-only", "-I", Prefix() / "include/tmpq", Folder() / "all.cc"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace tmpq
