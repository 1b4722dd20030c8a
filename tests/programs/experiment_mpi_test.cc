// tmpq-experiment over the ranks of an MPI job: the same table as one process's; a failed cell
// leaves the others, a lost rank what was made.
#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/json.h"
#include "tests/programs/by_ranks.h"
#include "tests/programs/small_table.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path& Folder() { return TestFolder("experiment-mpi"); }

ProcessResult MakeByRanks(int ranks, const fs::path& table, const std::string& of,
                          const std::vector<std::string>& more = {},
                          const ProcessOptions& options = {}) {
  return RunByRanks(ranks, "tmpq-experiment", TableArguments(table, Folder() / of, more), options);
}

// What one process makes of `table`, in the folder `of`.
ProcessResult MakeAlone(const fs::path& table, const std::string& of,
                        const std::vector<std::string>& more = {}) {
  return RunProcess("tmpq-experiment", TableArguments(table, Folder() / of, more));
}

void ExpectSameTable(const std::string& one, const std::string& other) {
  for (const char* file : {"table.md", "table.csv", "table.h5"}) {
    EXPECT_EQ(
        ReadFile(Folder() / one / "table" / file) == ReadFile(Folder() / other / "table" / file),
        true)
        << file;
  }
}

class ExperimentMpiTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Folder()); }
};

// The bundled ablation's quick table: float samples, and a sensitivity table that cells share.
TEST_F(ExperimentMpiTest, RanksMakeTheTableOfOneProcess) {
  const fs::path table = Folder() / "shared";
  PutFile(table / "defaults.ini",
          "[quick]\nmodels = fashion-dit\nbits = w4a4\nseeds = 0,1\nsteps = 2\nsamples = 6\n"
          "sensitivity_samples = 2\nsensitivity_ranges = 1\ncandidate_bits = 4,8\n");
  PutFile(table / "1-float.ini", "method = float\nmetrics = fd\n");
  PutFile(table / "2-greedy.ini", "allocation = greedy\n");
  PutFile(table / "3-exact.ini", "allocation = exact\nimproves_on = 2-greedy\n");
  const ProcessResult alone = MakeAlone(table, "alone", {"--quick"});
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const ProcessResult ranks = MakeByRanks(3, table, "ranks", {"--quick", "--json"});
  ASSERT_EQ(ranks.exit_code, 0) << ranks.err;
  EXPECT_EQ(ParseJson(ranks.out, "json")["made"], 6);  // once: rank 0 alone speaks
  ExpectSameTable("alone", "ranks");
  // What cells share is what one process makes.
  const fs::path one = Folder() / "alone" / "work", other = Folder() / "ranks" / "work";
  const std::vector<std::string> shared = FilesIn(one / "sensitivity");
  EXPECT_EQ(FilesIn(other / "sensitivity"), shared);
  for (const std::string& name : shared) {
    EXPECT_EQ(ReadFile(other / "sensitivity" / name) == ReadFile(one / "sensitivity" / name), true)
        << name;
  }
  EXPECT_EQ(FilesIn(other / "float"), FilesIn(one / "float"));
}

TEST_F(ExperimentMpiTest, AFailedCellLeavesTheOthersAndIsTriedAgain) {
  const fs::path table = WriteSmallTable(Folder() / "failing", "recipe = broken/broken.ini\n");
  PutFile(table / "broken" / "broken.ini", "base = q-diffusion\n");  // without its rounding
  const ProcessResult alone = MakeAlone(table, "failing-alone");
  EXPECT_EQ(alone.exit_code, 1) << alone.err;
  const ProcessResult first = MakeByRanks(3, table, "failing-ranks");
  EXPECT_EQ(first.exit_code, 1) << first.err;
  EXPECT_NE(first.err.find("3-other.fashion-dit.w4a4.0"), std::string::npos) << first.err;
  EXPECT_NE(ReadFile(Folder() / "failing-ranks/table/table.md").find("## Failed"),
            std::string::npos);
  ExpectSameTable("failing-alone", "failing-ranks");
  PutFile(table / "broken" / "broken.ini", "rotate = true\n");
  const ProcessResult second = MakeByRanks(2, table, "failing-ranks", {"--json"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(ParseJson(second.out, "json")["made"], 4);
}

TEST_F(ExperimentMpiTest, AnInterruptedJobSaysHowToGoOn) {
  // Cells that are still at it when the interrupt comes.
  const fs::path table =
      WriteSmallTable(Folder() / "interrupted", "recipe = quarot\nsteps = 900\n");
  ProcessOptions options;
  options.kill_when = Folder() / "stopped" / "work" / "2-naive.fashion-dit.w8a8.0.json";
  options.interrupt_lines = 1;
  const ProcessResult interrupted = MakeByRanks(3, table, "stopped", {}, options);
  EXPECT_NE(interrupted.exit_code, 0);
  const size_t error = interrupted.err.find("tmpq-experiment: error: ");
  EXPECT_NE(interrupted.err.find("the same command", error), std::string::npos) << interrupted.err;
  EXPECT_EQ(interrupted.err.find("tmpq-experiment: error: ", error + 1), std::string::npos);
  WriteSmallTable(table);
  const ProcessResult rest = MakeAlone(table, "stopped", {"--json"});
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_LE(ParseJson(rest.out, "json")["made"], 9);
}

TEST_F(ExperimentMpiTest, ALostRankEndsTheJobAndWhatWasMadeStands) {
  const fs::path table = WriteSmallTable(Folder() / "lost");
  ProcessOptions options;
  options.kill_when = Folder() / "lost-ranks" / "work" / "2-naive.fashion-dit.w8a8.0.json";
  options.kill_lines = 1;
  options.victim = 1;
  EXPECT_NE(MakeByRanks(3, table, "lost-ranks", {}, options).exit_code, 0);
  const ProcessResult rest = MakeByRanks(2, table, "lost-ranks", {"--json"});
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_LE(ParseJson(rest.out, "json")["made"], 9);
  EXPECT_EQ(ParseJson(rest.out, "json")["cells"], 10);
  ASSERT_EQ(MakeAlone(table, "lost-alone").exit_code, 0);
  ExpectSameTable("lost-alone", "lost-ranks");
}

}  // namespace
}  // namespace tmpq
