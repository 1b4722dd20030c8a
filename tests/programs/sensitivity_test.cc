// tmpq-sensitivity from end to end, and what is allocated from its table.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <sstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/runtime/plan_file.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

const fs::path& Folder() { return TestFolder("sensitivity"); }
std::string Table(const std::string& out = "table") { return Folder() / out / "sensitivity.h5"; }

ProcessResult Measure(const std::string& out, const Arguments& more = {},
                      const ProcessOptions& options = {}) {
  Arguments arguments = {"--model=fashion-dit", "--bits=4,8", "--steps=3",   "--ranges=2",
                         "--samples=3",         "--out",      Folder() / out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProcess("tmpq-sensitivity", arguments, options);
}

ProcessResult Calibrate(const std::string& out, const Arguments& more) {
  Arguments arguments = {"--model=fashion-dit", "--steps=3", "--json", "--out", Folder() / out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return RunProcess("tmpq-calibrate", arguments);
}

class SensitivityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    measured_ = Measure("table");
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static void ExpectSameTable(const std::string& other) {
    for (const char* name : {"journal.jsonl", "sensitivity.h5", "sensitivity.csv"}) {
      EXPECT_EQ(ReadFile(Folder() / "table" / name) == ReadFile(Folder() / other / name), true)
          << name;
    }
  }
  static void ExpectError(const ProcessResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }

  static ProcessResult measured_;
};
ProcessResult SensitivityTest::measured_;

TEST_F(SensitivityTest, MeasuresEverySiteWholeAndByRange) {
  ASSERT_EQ(measured_.exit_code, 0) << measured_.err;
  std::istringstream csv(ReadFile(Folder() / "table/sensitivity.csv"));
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line,
            "site,layer,kind,group,bits,range,squared_error,squared_error_se,next_step_error,"
            "next_step_error_se,feature_error,feature_error_se,ssim_error,ssim_error_se,psnr,"
            "psnr_se");
  int rows = 0;
  double whole = 0, parts = 0;
  while (std::getline(csv, line)) {
    std::istringstream cells(line);
    std::vector<std::string> cell(8);
    for (std::string& text : cell) std::getline(cells, text, ',');
    (cell[5] == "all" ? whole : parts) += std::stod(cell[6]);
    ++rows;
  }
  EXPECT_EQ(rows, 84 * 3);  // 66 sites of 33 linears, 18 of 6 attentions, at 4 bits
  // Of independent errors the ranges' would add up to the whole's.
  EXPECT_GT(parts, 0.3 * whole);
  EXPECT_LT(parts, 3 * whole);
  EXPECT_NE(measured_.out.find("feed-forward"), std::string::npos);
  EXPECT_NE(measured_.out.find("without reuse"), std::string::npos);
  EXPECT_NE(measured_.err.find("measuring sites: 100%"), std::string::npos);
}

TEST_F(SensitivityTest, ReuseThreadsAndBatchDoNotChangeTheTable) {
  const ProcessResult plain =
      Measure("plain", {"--no-reuse", "--threads=3", "--batch=2", "--json"});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  ExpectSameTable("plain");
  const Json json = ParseJson(plain.out, "plain");
  EXPECT_EQ(json["network_calls"], json["network_calls_without_reuse"]);
}

TEST_F(SensitivityTest, KilledMeasurementsResumeToTheSameBytes) {
  ProcessOptions options;
  options.kill_when = Folder() / "killed" / "journal.jsonl";
  options.kill_lines = 20;
  ASSERT_EQ(Measure("killed", {}, options).exit_code, -SIGKILL);
  EXPECT_FALSE(fs::exists(Table("killed")));
  ExpectError(Measure("killed"), 2, "--resume goes on");
  const ProcessResult resumed = Measure("killed", {"--resume", "--json"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  ExpectSameTable("killed");
  EXPECT_GE(ParseJson(resumed.out, "resumed")["resumed"], 18);
  ExpectError(Measure("killed", {"--resume", "--samples=4"}), 2, "samples");
}

TEST_F(SensitivityTest, ADeviceMeasuresTheSame) {
  const Arguments least = {"--bits=8", "--ranges=1", "--steps=1", "--samples=2",
                           "--metrics=ssim_error"};
  const auto measure = [&](const std::string& backend) {
    Arguments arguments = {"--model=fashion-dit", "--backend=" + backend, "--out",
                           Folder() / backend};
    arguments.insert(arguments.end(), least.begin(), least.end());
    return RunProcess("tmpq-sensitivity", arguments);
  };
  for (const char* backend : {"cpu", "emulated"}) {
    const ProcessResult result = measure(backend);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_EQ(ReadFile(Folder() / "emulated/journal.jsonl"),
            ReadFile(Folder() / "cpu/journal.jsonl"));
}

// The base is the float model: errors are those of the probe itself, and none is negative.
TEST_F(SensitivityTest, OfAFloatBase) {
  const ProcessResult result = Measure(
      "float", {"--base=float", "--ranges=1", "--steps=2", "--metrics=ssim_error", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result.out, "float");
  for (const Json& site : json["sites"]) {
    EXPECT_GE(site["squared_error"]["change"], 0) << site;
    EXPECT_FALSE(site.contains("psnr")) << site;
  }
  EXPECT_EQ(Calibrate("from-float", {"--sensitivity", Table("float"), "--budget=5bit"}).exit_code,
            0);
}

TEST_F(SensitivityTest, AnyBudgetIsAllocatedFromOneTable) {
  double last = 0;
  for (const char* budget : {"w5a5", "w6a6", "bitops=0.5x"}) {
    for (const char* decoupled : {"error", "vidit-q", "mixdq"}) {
      const std::string out = std::string(budget) + decoupled;
      const ProcessResult made =
          Calibrate(out, {"--sensitivity", Table(), "--budget", budget, "--decoupled", decoupled});
      ASSERT_EQ(made.exit_code, 0) << made.err;
      const Json json = ParseJson(made.out, out);
      const double bits = json["average_weight_bits"],
                   error = json["allocation"]["predicted_error"];
      EXPECT_LE(bits, std::string(budget) == "w5a5" ? 5 : 8);
      EXPECT_LE(json["average_activation_bits"], std::string(budget) == "bitops=0.5x" ? 8 : 6);
      if (std::string(decoupled) == "error") last = error;
      EXPECT_GE(error, last);  // the exact solver's is the least
    }
  }
  const ProcessResult run =
      RunProcess("tmpq-run", {"--plan", Folder() / "w5a5vidit-q/plan.safetensors", "--count=1",
                              "--out", Folder() / "sample.png"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

// An average of 12 bits, of candidates of 4, 8 and 32.
TEST_F(SensitivityTest, SomeActivationsMayStayFloat) {
  const ProcessResult result =
      Measure("floats", {"--activation-bits=4,8,32", "--ranges=1", "--metrics=ssim_error"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const ProcessResult made =
      Calibrate("with-floats", {"--sensitivity", Table("floats"), "--budget=w8a12", "--group-bits",
                                "modulation.activations=8;embedding.weights=8"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const Json json = ParseJson(made.out, "with-floats");
  EXPECT_LE(json["average_activation_bits"], 12);
  EXPECT_GT(json["average_activation_bits"], 8);
  int floats = 0;
  const PlanFile plan(json["plan"].get<std::string>());
  const SiteTable& table = plan.description().graph.sites();
  for (size_t s = 0; s < table.sites.size(); ++s) {
    const QuantSite& site = table.sites[s];
    if (site.kind != SiteKind::kActivation) continue;
    const BitWidth width = plan.description().candidate.policy(0)[s];
    floats += width.is_float();
    if (site.group == LayerGroup::kModulation) {
      EXPECT_EQ(width.bits(), 8) << site.name;
    }
  }
  EXPECT_GT(floats, 0);
  const ProcessResult run =
      RunProcess("tmpq-run", {"--plan", Folder() / "with-floats/plan.safetensors", "--count=1",
                              "--out", Folder() / "floats.png"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  ExpectError(Calibrate("foreign", {"--sensitivity", Table("floats"), "--budget=w8a8",
                                    "--group-bits", "modulation=6"}),
              2, "group_bits");
  ExpectError(Calibrate("unmeasured", {"--sensitivity", Table(), "--budget=w8a8",
                                       "--candidate-activation-bits", "8,32"}),
              1, "was not measured in float");
}

TEST_F(SensitivityTest, TheSearchReadsTheTableInsteadOfProbing) {
  const ProcessResult result = RunProcess(
      "tmpq-search",
      TinySearch(Folder() / "search", {"--sensitivity=" + Table(), "--generations=1", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(ParseJson(result.out, "search")["evaluations"], 10);  // probes would be a hundred
  ExpectError(
      RunProcess("tmpq-search", TinySearch(Folder() / "no-search",
                                           {"--sensitivity=" + Table(), "--recipe=smoothquant"})),
      1, "measured with another recipe");
}

TEST_F(SensitivityTest, Errors) {
  ExpectError(Measure("errors", {"--bits=4,9"}), 2, "bits");
  ExpectError(Measure("errors", {"--base=narrow"}), 2, "widest or float");
  ExpectError(Measure("errors", {"--ranges=4"}), 2, "fewer ranges, or more steps");
  ExpectError(Measure("errors2", {"--metrics=beauty"}), 2, "feature_error");
  const auto refused = [](int code, const std::string& part, const Arguments& more) {
    ExpectError(Calibrate("refused", more), code, part);
    EXPECT_FALSE(fs::exists(Folder() / "refused"));
  };
  const std::string table = "--sensitivity=" + Table();
  refused(1, "measured with another model", {table, "--stress"});
  refused(1, "measured with another recipe", {table, "--recipe=smoothquant"});
  refused(1, "was not measured at 3 bits", {table, "--candidate-bits=3,8", "--budget=w5a5"});
  refused(2, "does not fit even the lowest", {table, "--budget=w3a8"});
  refused(2, "contradict each other", {table, "--bits=w4a4"});
  refused(2, "knapsack", {table, "--budget=w6a6,6bit", "--allocation=knapsack"});
  refused(2, "is missing", {"--budget=w4a4"});
  refused(2, "is missing", {"--recipe=vidit-q-mp"});
  refused(2, "several ranges", {table, "--budget=size=2MB"});
  EXPECT_EQ(Calibrate("bytes", {table, "--budget=size=2MB", "--same-at-all-steps"}).exit_code, 0);
  WriteFileAtomically(Folder() / "torn.h5", std::string_view(ReadFile(Table())).substr(0, 3000));
  refused(1, "is no HDF5 file", {"--sensitivity=" + (Folder() / "torn.h5").string()});
}

}  // namespace
}  // namespace tmpq
