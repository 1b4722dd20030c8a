// tmpq-reconstruct: from a recipe with learned rounding to a file, and from that to a plan.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

class ReconstructTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    WriteFileAtomically(folder_ / "recipe.ini",
                        std::string_view("base = tmpq-dm\ncalibration_samples = 2\n"
                                         "calibration_steps = 3\n"));
  }
  void TearDown() override { fs::remove_all(folder_); }

  // A few iterations: enough for a file, not for a good one.
  ProcessResult Reconstruct(const std::string& out, const Arguments& more) const {
    Arguments arguments = {"--recipe",
                           folder_ / "recipe.ini",
                           "--weight-iterations",
                           "2",
                           "--activation-iterations",
                           "2",
                           "--minibatch",
                           "2",
                           "--samples",
                           "1",
                           "--sampling-steps",
                           "3",
                           "--kept-steps",
                           "2",
                           "--threads",
                           "1",
                           "--out",
                           folder_ / out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProcess("tmpq-reconstruct", arguments);
  }

  ProcessResult Calibrate(const std::string& out, const Arguments& more) const {
    Arguments arguments = {"--steps",     "3",          "--out",
                           folder_ / out, "--rounding", folder_ / "a" / "rounding.safetensors"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProcess("tmpq-calibrate", arguments);
  }

  static void ExpectError(const ProcessResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("reconstruct-" + std::to_string(getpid()));
};

TEST_F(ReconstructTest, AFileMakesAPlanOfItsBitWidths) {
  const ProcessResult learned =
      Reconstruct("a", {"--weight-bits", "3,4", "--activation-bits", "8", "--json"});
  ASSERT_EQ(learned.exit_code, 0) << learned.err;
  // 6 blocks and 3 layers outside of them, at each bit-width.
  EXPECT_EQ(ParseJson(learned.out, "json")["report"].size(), 27u);
  EXPECT_FALSE(fs::exists(folder_ / "a" / "checkpoint.safetensors"));
  const Arguments recipe = {"--recipe", folder_ / "recipe.ini", "--bits"};
  for (const char* bits : {"w3a8", "w4a8"}) {
    Arguments arguments = recipe;
    arguments.push_back(bits);
    const ProcessResult made = Calibrate(bits, arguments);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const ProcessResult run =
        RunProcess("tmpq-run", {"--plan", folder_ / bits / "plan.safetensors", "--count", "2",
                                "--out", folder_ / (std::string(bits) + ".npy")});
    EXPECT_EQ(run.exit_code, 0) << run.err;
  }
  ExpectError(Calibrate("b", {"--recipe", folder_ / "recipe.ini", "--bits", "w5a8"}), 1,
              "no learned rounding at 5 bits");
  ExpectError(Calibrate("c", {"--recipe", folder_ / "recipe.ini", "--bits", "w4a6"}), 1,
              "no learned steps at 6 bits");
  ExpectError(Calibrate("d", {"--recipe", "tmpq-dm", "--bits", "w4a8"}), 1, "another recipe");
  ExpectError(Calibrate("e", {"--recipe", folder_ / "recipe.ini", "--bits", "w4a8", "--stress"}), 1,
              "another model");
}

TEST_F(ReconstructTest, RefusesWhatCannotBe) {
  ExpectError(Reconstruct("a", {"--recipe", "vidit-q"}), 2, "rounding = adaround");
  ExpectError(Reconstruct("b", {"--profile", "slow"}), 2, "published or quick");
  ExpectError(Reconstruct("c", {"--weight-bits", "9"}), 2, "weight_bits");
  ExpectError(Reconstruct("d", {"--kept-steps", "5"}), 2, "kept_steps");
}

}  // namespace
}  // namespace tmpq
