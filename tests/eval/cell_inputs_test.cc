// Which cells of a table share what they keep for each other.
#include "src/eval/experiment/cell_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/file.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

ExperimentCell Cell(const std::string& bits, uint64_t seed) {
  ExperimentCell cell;
  cell.row = "row", cell.model = cell.source = "fashion-dit";
  cell.bits = bits, cell.seed = seed;
  return cell;
}

// Of another row, with another part of the config.
template <typename Change>
ExperimentCell Changed(ExperimentCell cell, Change&& change) {
  cell.row = "another";
  change(cell.config);
  return cell;
}

std::vector<std::string> Shared(const ExperimentCell& cell) {
  CellSession session;
  session.bundled = TMPQ_SOURCE_DIR "/checkpoints";
  return SharedParts(cell, session);
}

TEST(SharedPartsTest, FloatSamplesAreOfASeedAndItsTimesteps) {
  const ExperimentCell cell = Cell("w4a8", 0);
  ASSERT_THAT(Shared(cell), SizeIs(1));
  EXPECT_EQ(Shared(cell), Shared(Cell("w6a6", 0)));
  EXPECT_NE(Shared(cell), Shared(Cell("w4a8", 1)));
  EXPECT_EQ(Shared(cell), Shared(Changed(cell, [](RowConfig& row) { row.recipe = "quarot"; })));
  EXPECT_EQ(
      Shared(cell),
      Shared(Changed(cell, [](RowConfig& row) { row.method = kMethodFloat, row.metrics = "fd"; })));
  EXPECT_NE(Shared(cell), Shared(Changed(cell, [](RowConfig& row) { row.steps = 10; })));
  EXPECT_NE(Shared(cell), Shared(Changed(cell, [](RowConfig& row) { row.samples = 64; })));
  // Its shortcuts are split: the float model of another graph.
  EXPECT_NE(Shared(cell), Shared(Changed(cell, [](RowConfig& row) { row.recipe = "mixdq"; })));
}

TEST(SharedPartsTest, NoPairsNoFloatSamples) {
  const ExperimentCell cell = Cell("w4a8", 0);
  EXPECT_THAT(Shared(Changed(cell, [](RowConfig& row) { row.metrics = "fd"; })), IsEmpty());
  const auto searched = [](RowConfig& row) { row.method = kMethodSearch; };
  EXPECT_THAT(Shared(Changed(cell, searched)), IsEmpty());  // whose timesteps nobody knows yet
  const auto at_fifty = [](RowConfig& row) { row.float_steps = 50; };
  EXPECT_EQ(Shared(Changed(Changed(cell, searched), at_fifty)), Shared(Changed(cell, at_fifty)));
}

TEST(SharedPartsTest, TablesOfSensitivityAndJumpsAreForAllSeeds) {
  const auto mixed = [](RowConfig& row) { row.allocation = "greedy", row.metrics = "fd"; };
  const auto exact = [](RowConfig& row) { row.allocation = "exact", row.metrics = "fd"; };
  const auto planned = [](RowConfig& row) { row.timesteps = "planned", row.metrics = "fd"; };
  ASSERT_THAT(Shared(Changed(Cell("w4a8", 0), mixed)), SizeIs(1));
  EXPECT_EQ(Shared(Changed(Cell("w4a8", 0), mixed)), Shared(Changed(Cell("w4a8", 1), mixed)));
  EXPECT_EQ(Shared(Changed(Cell("w4a8", 0), mixed)), Shared(Changed(Cell("w6a6", 0), exact)));
  ASSERT_THAT(Shared(Changed(Cell("w4a8", 0), planned)), SizeIs(1));
  EXPECT_EQ(Shared(Changed(Cell("w4a8", 0), planned)), Shared(Changed(Cell("w4a8", 1), planned)));
  EXPECT_NE(Shared(Changed(Cell("w4a8", 0), planned)), Shared(Changed(Cell("w4a8", 0), mixed)));
}

// Trained again, a model is another one under the same name.
TEST(SharedPartsTest, NothingIsSharedWithOtherWeights) {
  const std::filesystem::path mine = TestPath("cell-inputs");
  const auto shared_of = [&](const char* name, const char* metric) {
    std::filesystem::create_directories(mine);
    std::filesystem::copy_file(
        std::filesystem::path(TMPQ_SOURCE_DIR "/checkpoints") / name / "weights.safetensors",
        mine / "weights.safetensors", std::filesystem::copy_options::overwrite_existing);
    ExperimentCell cell = Cell("w4a8", 0);
    cell.source = mine, cell.config.metrics = metric, cell.config.timesteps = "planned";
    return Shared(cell);
  };
  for (const char* metric : {"fd", "psnr"}) {
    const std::vector<std::string> before = shared_of("fashion-dit", metric);
    EXPECT_THAT(before, Not(IsEmpty()));
    EXPECT_EQ(shared_of("fashion-dit", metric), before);
    EXPECT_NE(shared_of("fashion-unet", metric), before);
  }
  std::filesystem::remove_all(mine);
}

// Networks of the user's own are folders: what stands in them counts, not their names.
TEST(CellKeyTest, IsOfTheFilesBelowANetworksFolder) {
  const std::filesystem::path folder = TestPath("reward");
  const auto key_of = [](const std::string& reward_model) {
    ExperimentCell cell = Cell("w4a8", 0);
    cell.config.reward_model = reward_model;
    CellSession session;
    session.bundled = TMPQ_SOURCE_DIR "/checkpoints";
    return KeyOf(cell, session);
  };
  const auto key_with = [&](const char* file, const char* text) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder / "below");
    WriteFileAtomically(folder / "below" / file, text);
    return key_of(folder);
  };
  const std::string key = key_with("vocab.txt", "a");
  EXPECT_EQ(key_with("vocab.txt", "a"), key);
  EXPECT_NE(key_with("vocab.txt", "b"), key);
  EXPECT_NE(key_with("words.txt", "a"), key);
  EXPECT_NE(key_of("scenes-reward"), key_of(""));
  std::filesystem::remove_all(folder);
}

TEST(InputHashesTest, ReadEachInputOnce) {
  const std::filesystem::path file = TestPath("statistics");
  WriteFileAtomically(file, "a");
  InputHashes hashes;
  const std::string before = hashes.OfPath(file);
  WriteFileAtomically(file, "b");
  EXPECT_EQ(hashes.OfPath(file), before);
  EXPECT_NE(InputHashes().OfPath(file), before);
  EXPECT_EQ(hashes.OfPath("scenes-reward"), "");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace tmpq
