#include "src/eval/results/run_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "src/core/file.h"
#include "src/eval/results/hdf5_file.h"
#include "src/eval/results/run_reader.h"
#include "tests/eval/expect_error.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

RunRecord SmallRecord() {
  RunRecord record;
  record.config_text = "steps = 2\n";
  record.provenance = {{"program", "test"}};
  record.budget = {{"bitops", 1000}};
  record.sites = {{"fc.weight", "fc", SiteKind::kWeight, LayerGroup::kFeedForward, 12, 4, 3}};
  record.quantities = {{"distance", {"1", "how far", true}}};
  const Policy four = {BitWidth::Of(4)}, eight = {BitWidth::Of(8)};
  const Candidate a = Candidate::Uniform(TimestepSequence({9, 2}, 10), four);
  const Candidate b = Candidate::Make(TimestepSequence({8, 5, 1}, 10), {four, eight, four});
  Costs costs;
  costs.bitops = 512;
  costs.bytes = 77;
  record.evaluations = {{Fidelity::kMetrics, a, costs, {{"distance", 0.5}}},
                        {Fidelity::kMetrics, b, costs, {{"distance", 0.25}}}};
  record.fronts = {{Fidelity::kMetrics, {"distance", "bitops"}, {1}}};
  record.history = {Fidelity::kMetrics, {"distance", "bitops"}, {1.0, 1000.0}, {0, 1}, {50, 100},
                    {0.25, 0.5}};
  record.baselines = {{"plan", b, costs, 20, {{"distance", {0.3, 0.2, 0.4, 20}}}}};
  record.seconds = {{"search", 1.5}};
  return record;
}

// Plain h5py reads what docs/formats.md promises.
TEST(RunFileTest, H5pyReadsIt) {
  const auto path = TestPath();
  WriteRunFile(path, SmallRecord());
  const std::string script = R"(
import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], "r")
assert f.attrs["schema"] == "tmpq-run" and f.attrs["schema_version"] == 1
assert f["config"][()].decode() == "steps = 2\n"
assert f["budget"].attrs["bitops"] == 1000
e = f["evaluations"]
assert e["timesteps"][:].tolist() == [[9, 2, -1], [8, 5, 1]]
assert e["steps"][:].tolist() == [2, 3]
assert f["policies"][:].tolist() == [[4], [8]]
assert e["policy"][:].tolist() == [[0, 0, -1], [0, 1, 0]]
assert e["measurements/distance"][:].tolist() == [0.5, 0.25]
assert e["measurements/distance"].attrs["units"] == "1"
names = list(e["fidelity"].attrs["enum_names"])
assert names[e["fidelity"][0]] in ("metrics", b"metrics")
assert f["fronts/metrics/evaluation"][:].tolist() == [1]
assert f["history/hypervolume"][:].tolist() == [0.25, 0.5]
m = f["baselines/plan/metrics/distance"].attrs
assert (m["value"], m["low"], m["high"], m["n"]) == (0.3, 0.2, 0.4, 20)
assert f["baselines/plan/costs/bytes"][0] == 77
assert f["timings"].attrs["search"] == 1.5
)";
  const auto script_path = path.string() + ".py";
  WriteFileAtomically(script_path, script);
  const std::string command = "/usr/bin/python3 '" + script_path + "' '" + path.string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove(script_path);
}

TEST(RunFileTest, SameRecordSameBytes) {
  const std::string first = SerializeRun(SmallRecord());
  EXPECT_EQ(first == SerializeRun(SmallRecord()), true);
  RunRecord slower = SmallRecord();
  slower.seconds["search"] = 2;
  EXPECT_EQ(first == SerializeRun(slower), false);
}

class RunReaderTest : public testing::Test {
 protected:
  void Write(const std::string& bytes) const { WriteFileAtomically(path_, bytes); }

  std::filesystem::path path_ = TestPath();
};

TEST_F(RunReaderTest, ReadsWhatWasWritten) {
  RunRecord record = SmallRecord();
  record.evaluations[1].measurements["trajectory_error"] = 0.125;
  record.quantities["trajectory_error"] = {"1", "how far the samples are", true};
  WriteRunFile(path_, record);
  const RunRecord read = ReadRunFile(path_);
  EXPECT_EQ(SerializeRun(read) == SerializeRun(record), true);
  EXPECT_EQ(read.evaluations[0].measurements.count("trajectory_error"), 0u);
  EXPECT_EQ(read.evaluations[1].candidate.timesteps().values(), (std::vector<int>{8, 5, 1}));
  EXPECT_EQ(read.baselines[0].metrics.at("distance").high, 0.4);
}

// What the algorithm minimised, by which moves, and how the finalists compared.
TEST_F(RunReaderTest, ReadsMovesAndFinalists) {
  RunRecord record = SmallRecord();
  record.history.minimized = "distance", record.history.least_loss = {0.5, 0.25};
  record.history.moves = {{{Move::kProbe, {7, 0, 0}}},
                          {{Move::kStep, {4, 2, 1}}, {Move::kRandom, {3, 1, 0}}}};
  record.evaluations[0].fidelity = record.evaluations[1].fidelity = Fidelity::kSelection;
  record.fronts = {};
  record.selection = {"distance", 64, {1, 0}, 0, {{0, 0, 0, 64}, {0.25, -0.125, 0.5, 64}}};
  WriteRunFile(path_, record);
  const RunRecord read = ReadRunFile(path_);
  EXPECT_EQ(SerializeRun(read) == SerializeRun(record), true);
  EXPECT_EQ(read.history.minimized, "distance");
  EXPECT_EQ(read.history.least_loss, record.history.least_loss);
  EXPECT_EQ(read.history.moves[0].size(), 1u);
  EXPECT_EQ(read.history.moves[1].at(Move::kStep).joined_front, 2);
  EXPECT_EQ(TotalsOf(read.history).at(Move::kRandom).proposed, 3);
  EXPECT_EQ(read.selection.evaluations, record.selection.evaluations);
  EXPECT_EQ(read.selection.minus_plan[1].low, -0.125);
}

TEST_F(RunReaderTest, RefusesOtherFiles) {
  ExpectError([&] { ReadRunFile(path_); }, path_.string());
  Write("no HDF5");
  ExpectError([&] { ReadRunFile(path_); }, "is no HDF5 file");
  Hdf5Writer other;
  other.SetAttribute("/", "schema", std::string("tmpq-sensitivity"));
  Write(other.Serialize());
  ExpectError([&] { ReadRunFile(path_); }, "is no run file");
}

// HDF5 has no checksum of ours: a damaged file either fails with a message, or is read as a run.
TEST_F(RunReaderTest, DamageDoesNotCrash) {
  const std::string whole = SerializeRun(SmallRecord());
  int refused = 0;
  for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 150) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    for (const std::string& bytes : {flipped, whole.substr(0, at)}) {
      Write(bytes);
      try {
        ReadRunFile(path_);
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 150);  // every cut
}

}  // namespace
}  // namespace tmpq
