// What one does with a finished search: another plan out of it, its plan for other tools, its page
// and its pictures.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/core/tensor_file.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

class FinishedRunTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    const ProcessResult search = RunProcess("tmpq-search", TinySearch(Folder() / "run"));
    ASSERT_EQ(search.exit_code, 0) << search.err;
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static const fs::path& Folder() { return TestFolder("finished"); }
  static std::string Plan() { return Folder() / "run/plan.safetensors"; }
  static std::string Bytes(const fs::path& path) { return ReadFile(Folder() / path); }
  static ProcessResult Query(const std::string& query, Arguments more = {}) {
    more.insert(more.begin(), {"--out=" + (Folder() / "run").string(), "--front-query=" + query});
    return RunProcess("tmpq-search", more);
  }
  static void ExpectError(const ProcessResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
  // {candidate's hash: distance} of all whose distance the search measured.
  static std::map<std::string, double> Measured() {
    std::map<std::string, double> measured;
    std::istringstream lines(Bytes("run/journal.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const Json record = ParseJson(line.substr(0, line.rfind(' ')), "journal");
      if (record.value("fidelity", -1) != 2) continue;
      measured[record["candidate_hash"]] = record["measurements"]["distance"];
    }
    return measured;
  }
};

TEST_F(FinishedRunTest, AQueryGivesAnotherPlanWithoutEvaluating) {
  const std::string journal = Bytes("run/journal.jsonl"), run = Bytes("run/run.h5");
  const std::map<std::string, double> measured = Measured();
  const ProcessResult result = Query("bitops<=1000x", {"--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json answer = ParseJson(result.out, "answer");
  const auto nearest =
      std::min_element(measured.begin(), measured.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  EXPECT_EQ(answer["distance"]["value"], nearest->second);
  EXPECT_EQ(answer["distance"]["n"], 12);
  EXPECT_EQ(answer["known"], measured.size());
  EXPECT_EQ(answer["fitting"], measured.size());
  EXPECT_EQ(answer["evaluations"], 0);
  EXPECT_EQ(Bytes("run/journal.jsonl"), journal);
  EXPECT_EQ(Bytes("run/run.h5") == run, true);
  // The plan is of that candidate, and runs.
  const std::string plan = Folder() / "run/plan-query.safetensors";
  ASSERT_EQ(RunProcess("tmpq-export", {"--plan", plan, "--out", Folder() / "queried"}).exit_code,
            0);
  const Json policy = ParseJson(Bytes("queried/policy.json"), "policy");
  EXPECT_EQ(policy["candidate_hash"], answer["candidate_hash"]);
  EXPECT_EQ(policy["costs"]["bitops"], answer["bitops"]);
  const ProcessResult drawn =
      RunProcess("tmpq-run", {"--plan", plan, "--count=2", "--out", Folder() / "queried.png"});
  EXPECT_EQ(drawn.exit_code, 0) << drawn.err;
  ExpectError(Query("bitops<=1000x"), 2, "--overwrite");
}

// A budget that the search did not have: eight bits.
TEST_F(FinishedRunTest, APredictionAnswersOtherBudgets) {
  const std::string journal = Bytes("run/journal.jsonl");
  const fs::path plan = Folder() / "predicted.safetensors";
  const Arguments more = {"--predicted", "--plan-out=" + plan.string(), "--overwrite", "--json"};
  std::vector<double> errors;
  for (const char* query : {"bitops<=0.3x", "bitops<=0.5x", "bitops<=1x"}) {
    const ProcessResult result = Query(query, more);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const Json answer = ParseJson(result.out, "answer");
    EXPECT_EQ(answer["fidelity"], "predicted");
    errors.push_back(answer["trajectory_error"]["value"]);
    EXPECT_EQ(RunProcess("tmpq-run", {"--plan", plan, "--count=1", "--overwrite", "--out",
                                      Folder() / "predicted.png"})
                  .exit_code,
              0);
  }
  EXPECT_LT(errors[1], errors[0]);
  EXPECT_LE(errors[2], errors[1]);
  EXPECT_EQ(Bytes("run/journal.jsonl"), journal);
  const ProcessResult text = Query("bitops<=1x", {"--predicted", "--overwrite"});
  EXPECT_NE(text.out.find("nothing was measured"), std::string::npos) << text.out << text.err;
  ExpectError(RunProcess("tmpq-search", {"--predicted", "--out=/no/such/run"}), 2, "--front-query");
}

TEST_F(FinishedRunTest, AQueryForThePlanGivesThePlan) {
  const Json summary = ParseJson(Bytes("run/summary.json"), "summary");
  ASSERT_EQ(RunProcess("tmpq-export", {"--plan", Plan(), "--out", Folder() / "of-plan"}).exit_code,
            0);
  const std::string hash = ParseJson(Bytes("of-plan/policy.json"), "policy")["candidate_hash"];
  const double distance = Measured().at(hash);
  char query[96];
  std::snprintf(query, sizeof(query), "distance<=%.17g,distance>=%.17g", distance, distance);
  const ProcessResult result =
      Query(query, {"--plan-out=" + (Folder() / "same.safetensors").string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("search noise, n = 12"), std::string::npos) << result.out;
  EXPECT_EQ(Bytes("same.safetensors") == ReadFile(Plan()), true);
}

TEST_F(FinishedRunTest, QueriesThatCannotBeAnsweredSayWhy) {
  const Arguments out = {"--plan-out=" + (Folder() / "none.safetensors").string()};
  ExpectError(Query("bitops<=0.001x", out), 1, "the nearest has bitops 0.");
  ExpectError(Query("speed<=3", out), 2, "nothing is called speed");
  ExpectError(Query("bitops<=1x", {"--steps=5"}), 2, "--steps");
  ExpectError(RunProcess("tmpq-search", {"--out=/no/such/run", "--front-query=bitops<=1x"}), 1,
              "/no/such/run/run.h5");
  const fs::path supernet = Folder() / "run/supernet.safetensors", moved = Folder() / "moved";
  fs::rename(supernet, moved);
  ExpectError(Query("bitops<=1000x", out), 1, "supernet.safetensors");
  fs::rename(moved, supernet);
  EXPECT_FALSE(fs::exists(Folder() / "none.safetensors"));
}

TEST_F(FinishedRunTest, ExportsThePlan) {
  const ProcessResult result =
      RunProcess("tmpq-export", {"--plan", Plan(), "--out", Folder() / "export", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ParseJson(result.out, "export")["steps"], 4);
  EXPECT_EQ(FilesIn(Folder() / "export"), (Arguments{"codes.safetensors", "policy.json",
                                                     "timesteps.json", "weights.safetensors"}));
  const Json timesteps = ParseJson(Bytes("export/timesteps.json"), "timesteps");
  EXPECT_EQ(timesteps["timesteps"].size(), 4u);
  EXPECT_EQ(timesteps["diffusers"]["set_timesteps"]["timesteps"], timesteps["timesteps"]);
  const TensorFile weights(Folder() / "export/weights.safetensors");
  EXPECT_TRUE(weights.Has("blocks.0.qkv.weight"));
  EXPECT_TRUE(weights.Has("blocks.0.qkv.bias"));
}

TEST_F(FinishedRunTest, ExportRefusesBadInput) {
  const auto run = [](const Arguments& arguments) { return RunProcess("tmpq-export", arguments); };
  const std::string out = "--out=" + (Folder() / "bad").string();
  ExpectError(run({out}), 2, "--plan");
  ExpectError(run({"--plan=" + Plan()}), 2, "--out");
  ExpectError(run({"--plan=/no/such.plan", out}), 1, "/no/such.plan");
  ExpectError(run({"--plan=" + (Folder() / "run/supernet.safetensors").string(), out}), 1,
              "not a plan");
  const std::string whole = ReadFile(Plan());
  WriteFileAtomically(Folder() / "cut", std::string_view(whole).substr(0, whole.size() / 2));
  ExpectError(run({"--plan=" + (Folder() / "cut").string(), out}), 1, "cut");
  ExpectError(run({"--plan=" + Plan(), "--out=" + (Folder() / "run").string()}), 2, "--overwrite");
  EXPECT_FALSE(fs::exists(Folder() / "bad"));
}

TEST_F(FinishedRunTest, WritesAPage) {
  const std::string run = Folder() / "run", page = Folder() / "page.html";
  const ProcessResult result = RunProcess("tmpq-report", {run, "--out=" + page});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string html = Bytes("page.html");
  for (const char* part : {"fashion-dit at 4bit, steps 4", "<svg", "data:image/png;base64,",
                           "blocks.0.attention.softmax", "fashion-features", "supernet"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  ExpectError(RunProcess("tmpq-report", {run, "--out=" + page}), 2, "--overwrite");
  ASSERT_EQ(RunProcess("tmpq-report", {run, "--out=" + page, "--overwrite"}).exit_code, 0);
  EXPECT_EQ(Bytes("page.html") == html, true);
  ExpectError(RunProcess("tmpq-report", {}), 2, "folder of a run");
  ExpectError(RunProcess("tmpq-report", {"/no/such/run"}), 1, "/no/such/run/run.h5");
}

// Of this run and of one with other sites, groups and steps.
TEST_F(FinishedRunTest, ScriptsDrawIt) {
  for (const char* script : {"plot_front", "plot_hypervolume", "plot_timesteps", "plot_bits"}) {
    for (const std::string& run : {(Folder() / "run/run.h5").string(),
                                   std::string(TMPQ_SOURCE_DIR "/results/demo/run.h5")}) {
      const std::string picture = Folder() / (std::string(script) + ".png");
      const ProcessResult drawn =
          RunProcess("/usr/bin/python3",
                     {TMPQ_SOURCE_DIR "/scripts/" + std::string(script) + ".py", run, picture});
      ASSERT_EQ(drawn.exit_code, 0) << script << drawn.err;
      EXPECT_EQ(ReadFile(picture).substr(1, 3), "PNG");
    }
    const ProcessResult refused =
        RunProcess("/usr/bin/python3", {TMPQ_SOURCE_DIR "/scripts/" + std::string(script) + ".py",
                                        Folder() / "run/summary.json", Folder() / "none.png"});
    EXPECT_EQ(refused.exit_code, 1) << script;
    EXPECT_NE(refused.err.find("summary.json: cannot be read as HDF5"), std::string::npos)
        << refused.err;
  }
}

}  // namespace
}  // namespace tmpq
