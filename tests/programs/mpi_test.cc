// Searches over the ranks of an MPI job: the same bytes as one process's, killed or not; and one
// process killed at random moments.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "src/core/file.h"
#include "src/core/random.h"
#include "tests/programs/by_ranks.h"
#include "tests/programs/process.h"
#include "tests/programs/same_run.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

const fs::path& Folder() { return TestFolder("mpi"); }

std::string Bytes(const fs::path& path) { return ReadFile(Folder() / path); }

ProcessResult Search(const std::string& out, std::vector<std::string> more = {},
                     const ProcessOptions& options = {}) {
  return RunProcess("tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

// The same search by `ranks` ranks.
ProcessResult SearchByRanks(int ranks, const std::string& out, std::vector<std::string> more = {},
                            const ProcessOptions& options = {}) {
  return RunByRanks(ranks, "tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

// Lines of stderr that are the program's, as opposed to mpirun's.
std::vector<std::string> ErrorsIn(const ProcessResult& result) {
  std::vector<std::string> errors;
  std::istringstream text(result.err);
  for (std::string line; std::getline(text, line);) {
    if (line.rfind("tmpq-search: error: ", 0) == 0) errors.push_back(line);
  }
  return errors;
}

class MpiTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    const ProcessResult result = Search("run");
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static void ExpectSameRun(const std::string& other) {
    tmpq::ExpectSameRun(Folder() / "run", Folder() / other);
  }
};

TEST_F(MpiTest, AnyNumberOfRanksWritesTheSameRun) {
  for (const int ranks : {1, 3}) {
    const std::string name = "ranks" + std::to_string(ranks);
    const ProcessResult result = SearchByRanks(ranks, name);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    ExpectSameRun(name);
    // Rank 0 alone speaks.
    EXPECT_EQ(result.out.find("Wrote "), result.out.rfind("Wrote "));
  }
}

TEST_F(MpiTest, ALostRankEndsTheJobAndFewerResumeIt) {
  for (const int victim : {1, 0}) {
    const std::string name = "lost" + std::to_string(victim);
    ProcessOptions options;
    options.kill_when = Folder() / name / "journal.jsonl";
    options.kill_lines = 30;
    options.victim = victim;
    EXPECT_NE(SearchByRanks(3, name, {}, options).exit_code, 0);
    const std::string journal = Bytes(name + "/journal.jsonl");
    EXPECT_GE(std::count(journal.begin(), journal.end(), '\n'), 30);
    EXPECT_FALSE(fs::exists(Folder() / name / "plan.safetensors"));
    const ProcessResult resumed = SearchByRanks(2, name, {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    ExpectSameRun(name);
  }
}

TEST_F(MpiTest, AnInterruptedJobSaysHowToGoOn) {
  ProcessOptions options;
  options.kill_when = Folder() / "interrupted/journal.jsonl";
  options.interrupt_lines = 20;
  const ProcessResult interrupted = SearchByRanks(3, "interrupted", {}, options);
  EXPECT_NE(interrupted.exit_code, 0);
  const std::vector<std::string> errors = ErrorsIn(interrupted);
  ASSERT_EQ(errors.size(), 1u) << interrupted.err;
  EXPECT_NE(errors[0].find("--resume"), std::string::npos);
  ASSERT_EQ(Search("interrupted", {"--resume"}).exit_code, 0);
  ExpectSameRun("interrupted");
}

TEST_F(MpiTest, ErrorsAreOneLineAndTheExitCodeIsTheirs) {
  struct Case {
    std::vector<std::string> arguments;
    int exit_code;
    const char* says;
  };
  for (const Case& bad : std::vector<Case>{{{"--abacus"}, 2, "abacus"},
                                           {{"--steps=0"}, 2, "steps"},
                                           {{"--model=no-such-model"}, 1, "fashion-dit"},
                                           {{"--threads=-1"}, 2, "--threads"}}) {
    const ProcessResult result = SearchByRanks(3, "bad", bad.arguments);
    EXPECT_EQ(result.exit_code, bad.exit_code) << result.err;
    const std::vector<std::string> errors = ErrorsIn(result);
    ASSERT_EQ(errors.size(), 1u) << result.err;
    EXPECT_NE(errors[0].find(bad.says), std::string::npos) << errors[0];
  }
  EXPECT_FALSE(fs::exists(Folder() / "bad/journal.jsonl"));
  const ProcessResult help = SearchByRanks(2, "bad", {"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_EQ(help.out.find("Usage:"), help.out.rfind("Usage:"));
}

TEST_F(MpiTest, KilledAtRandomMomentsItEndsWithTheSameBytes) {
  constexpr int kKills = 6;
  RandomStream random(1, RandomPurpose::kTest);
  int killed = 0;
  for (int i = 0; i < kKills; ++i) {
    ProcessOptions options;
    options.kill_after = milliseconds(200 + random.Below(3000));
    const ProcessResult result =
        Search("killed", i == 0 ? std::vector<std::string>{} : std::vector<std::string>{"--resume"},
               options);
    ASSERT_TRUE(result.exit_code == -SIGKILL || result.exit_code == 0) << result.err;
    killed += result.exit_code == -SIGKILL;
  }
  EXPECT_GE(killed, 1);
  ASSERT_EQ(Search("killed", {"--resume"}).exit_code, 0);
  ExpectSameRun("killed");
}

}  // namespace
}  // namespace tmpq
