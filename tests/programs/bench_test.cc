// tmpq-bench: results are complete and add up; times are not asserted.
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

ProcessResult Bench(Arguments arguments) {
  for (const char* quick : {"--repetitions", "2", "--seconds", "0.0001"})
    arguments.push_back(quick);
  return RunProcess("tmpq-bench", arguments);
}

TEST(BenchTest, SearchListsBytesByPartAndTheTimeOfSwitching) {
  const fs::path out = fs::path(testing::TempDir()) / ("bench-" + std::to_string(getpid()));
  const ProcessResult result = Bench({"search", "--model", "fashion-dit", "--out", out, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result.out, "tmpq-bench");
  EXPECT_EQ(json, ParseJson(ReadFile(out), "file"));
  fs::remove(out);
  for (const char* storage : {"packed", "nested"}) {
    const Json& sets = json["storage"][storage];
    ASSERT_EQ(sets.size(), 1u);
    int64_t bytes = 0;
    for (const auto& part : sets[0]["parts"].items()) bytes += part.value().get<int64_t>();
    EXPECT_EQ(sets[0]["bytes"], bytes);
    EXPECT_LT(sets[0]["to_float_model"], storage == std::string("packed") ? 1.0 : 0.3);
    EXPECT_LT(sets[0]["to_float_copies"], sets[0]["to_float_model"]);
  }
  EXPECT_GT(json["switch"]["microseconds"]["median"], 0.0);
  EXPECT_GT(json["switch"]["call_microseconds"]["median"], 0.0);
}

TEST(BenchTest, BadUsageIsRefused) {
  const auto refused = [](const Arguments& arguments, int code, const char* part) {
    const ProcessResult result = RunProcess("tmpq-bench", arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  };
  refused({}, 2, "--what");
  refused({"everything"}, 2, "everything");
  refused({"search", "--repetitions", "0"}, 2, "--repetitions");
  refused({"search", "--seconds", "99"}, 2, "--seconds");
  refused({"search", "--batch", "0"}, 2, "--batch");
  refused({"search", "--model", "no-such-model"}, 1, "no-such-model");
}

}  // namespace
}  // namespace tmpq
