// tmpq-experiment: a folder of rows becomes a table; what is done stays, what failed is tried
// again.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"
#include "tests/programs/small_table.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

const fs::path& Folder() { return TestFolder("experiment"); }

fs::path WriteTable(const std::string& name, const std::string& second = "recipe = quarot\n") {
  return WriteSmallTable(Folder() / name, second);
}

ProcessResult MakeTable(const fs::path& table, const Arguments& more = {},
                        const ProcessOptions& options = {}) {
  const fs::path of = Folder() / ("of-" + table.filename().string());
  return RunProcess("tmpq-experiment", TableArguments(table, of, more), options);
}

std::string Made(const fs::path& table, const std::string& file) {
  return ReadFile(Folder() / ("of-" + table.filename().string()) / "table" / file);
}

class ExperimentTest : public testing::Test {
 protected:
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static void ExpectError(const ProcessResult& result, int code, const std::string& part) {
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }
};

TEST_F(ExperimentTest, ATableIsTheSameForAnyThreadsAndMadeOnce) {
  const fs::path table = WriteTable("whole");
  const ProcessResult first = MakeTable(table, {"--json"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(ParseJson(first.out, "json")["made"], 10);  // 2 float, 2 rows x 2 x 2
  const std::string text = Made(table, "table.md"), csv = Made(table, "table.csv");
  EXPECT_NE(text.find("| naive, per token | "), std::string::npos) << text;
  EXPECT_NE(text.find("3-other beats naive, per token | psnr | fashion-dit |"), std::string::npos);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 + 8 * 2);
  const Json manifest = ParseJson(Made(table, "manifest.json"), "manifest");
  EXPECT_EQ(manifest["finished"], 10);
  EXPECT_EQ(manifest["configs"]["defaults.ini"], kSmallDefaults);

  const ProcessResult again = MakeTable(table, {"--json"});
  EXPECT_EQ(ParseJson(again.out, "json")["made"], 0);
  const std::string hdf5 = Made(table, "table.h5");
  // On a machine that has the table, but nothing of what was made on the way.
  const ProcessResult elsewhere = MakeTable(table, {"--json", "--work", Folder() / "empty"});
  EXPECT_EQ(ParseJson(elsewhere.out, "json")["made"], 0) << elsewhere.err;
  EXPECT_EQ(Made(table, "table.csv"), csv);
  const ProcessResult one = MakeTable(
      table,
      {"--json", "--fresh", "--only", "2-naive.fashion-dit.w8a8.0", "--work", Folder() / "one"});
  EXPECT_EQ(ParseJson(one.out, "json")["made"], 1) << one.err;
  EXPECT_EQ(Made(table, "table.csv"), csv);
  const ProcessResult single = MakeTable(
      table, {"--json", "--fresh", "--threads=1", "--batch=3", "--work", Folder() / "single"});
  EXPECT_EQ(ParseJson(single.out, "json")["made"], 10);
  EXPECT_EQ(Made(table, "table.md"), text);
  EXPECT_EQ(Made(table, "table.csv"), csv);
  EXPECT_EQ(Made(table, "table.h5") == hdf5, true);
}

// What samples is no part of the result.
TEST_F(ExperimentTest, ADeviceMakesTheSameTable) {
  const fs::path table = Folder() / "device";
  PutFile(table / "defaults.ini",
          "models = fashion-dit\nbits = w4a8\nsteps = 1\nsamples = 2\nmetrics = psnr\n");
  PutFile(table / "1-naive.ini", "recipe = naive\n");
  ASSERT_EQ(MakeTable(table, {"--backend=emulated"}).exit_code, 0);
  const std::string csv = Made(table, "table.csv");
  EXPECT_NE(csv.find("w4a8"), std::string::npos) << csv;
  ASSERT_EQ(MakeTable(table, {"--fresh", "--work", Folder() / "on-cpu"}).exit_code, 0);
  EXPECT_EQ(Made(table, "table.csv"), csv);
  ExpectError(MakeTable(table, {"--backend=float"}), 2, "is not taken here");
  ExpectError(MakeTable(table, {"--only", "no-such-row"}), 2, "--list prints the cells");
  EXPECT_EQ(Made(table, "table.csv"), csv);
}

TEST_F(ExperimentTest, AFailedRowLeavesTheOthersAndIsTriedAgain) {
  const fs::path table = WriteTable("failing", "recipe = broken/broken.ini\n");
  PutFile(table / "broken" / "broken.ini", "rotates = true\n");
  const ProcessResult first = MakeTable(table);
  ExpectError(first, 1, "3-other.fashion-dit.w4a4.0");
  ExpectError(first, 1, "rotates");
  const std::string text = Made(table, "table.md");
  EXPECT_NE(text.find("## Failed"), std::string::npos);
  EXPECT_NE(text.find("| naive, per token | "), std::string::npos);
  PutFile(table / "broken" / "broken.ini", "rotate = true\n");
  const ProcessResult second = MakeTable(table, {"--json"});
  ASSERT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(ParseJson(second.out, "json")["made"], 4);
  EXPECT_EQ(Made(table, "table.md").find("## Failed"), std::string::npos);
}

TEST_F(ExperimentTest, KilledItGoesOn) {
  const fs::path table = WriteTable("killed");
  ProcessOptions options;
  options.kill_when = Folder() / "of-killed" / "work" / "2-naive.fashion-dit.w8a8.1.json";
  options.kill_lines = 1;
  MakeTable(table, {}, options);
  const ProcessResult rest = MakeTable(table, {"--json"});
  ASSERT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_LE(ParseJson(rest.out, "json")["made"], 6);
  EXPECT_GE(ParseJson(rest.out, "json")["made"], 1);
  EXPECT_EQ(ParseJson(rest.out, "json")["cells"], 10);
}

TEST_F(ExperimentTest, ASearchIsARow) {
  const fs::path table = Folder() / "search";
  PutFile(table / "defaults.ini", kSmallDefaults);
  PutFile(table / "1-search.ini",
          "method = search\nbits = 4bit\nseeds = 0\n[quick-search]\nparents = 2\n"
          "[search]\nparents = 0\ngenerations = 1\npopulation = 4\nmutants = 1\n"
          "crossovers = 1\nwarm_start = false\ntrajectory_steps = 3\n"
          "trajectory_samples = 2\nmetric_samples = 6\nmetric_candidates = 1\n"
          "selection_candidates = 1\nselection_samples = 6\nreport_samples = 6\n"
          "converged_samples = 2\n");
  ExpectError(MakeTable(table), 1, "parents");
  const ProcessResult result = MakeTable(table, {"--quick"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(Made(table, "table.csv").find("1-search,1-search,fashion-dit,4bit,0,"),
            std::string::npos);
}

// One that was cut off is of no use to another config.
TEST_F(ExperimentTest, ASearchOfAnotherConfigIsBegunAgain) {
  const fs::path table = Folder() / "begun";
  const auto write_row = [&](const char* mutants) {
    PutFile(table / "1-search.ini",
            std::string("method = search\nbits = 4bit\n[search]\nweight_bits = 4\n"
                        "activation_bits = 4,8\nparents = 2\ngenerations = 1\npopulation = 4\n"
                        "crossovers = 1\ntrajectory_steps = 2\ntrajectory_samples = 2\n"
                        "metric_samples = 6\nmetric_candidates = 1\nselection_candidates = 1\n"
                        "selection_samples = 6\nreport_samples = 6\nconverged_samples = 2\n"
                        "mutants = ") +
                mutants + "\n");
  };
  PutFile(table / "defaults.ini",
          "models = fashion-dit\nseeds = 0\nsteps = 2\nsamples = 4\nmetrics = fd\n");
  write_row("1");
  ProcessOptions cut;
  cut.kill_when = Folder() / "of-begun" / "work" / "1-search.fashion-dit.4bit.0" / "journal.jsonl";
  cut.kill_lines = 2;
  EXPECT_EQ(MakeTable(table, {}, cut).exit_code, -SIGKILL);
  ASSERT_TRUE(fs::exists(cut.kill_when));
  write_row("2");
  const ProcessResult changed = MakeTable(table);
  ASSERT_EQ(changed.exit_code, 0) << changed.err;
  EXPECT_FALSE(fs::exists(cut.kill_when));
}

TEST_F(ExperimentTest, OneSearchAnswersTheBudgetsOfARow) {
  const fs::path table = Folder() / "predicted";
  PutFile(table / "defaults.ini", kSmallDefaults);
  PutFile(table / "1-predicted.ini",
          "method = predicted\nbits = bitops=0.3x, bitops=0.6x\nseeds = 0\n"
          "[search]\nlatency = " TMPQ_SOURCE_DIR
          "/results/bench/latency-fashion-dit-avx2.json\nbudget = 4bit\nweight_bits = "
          "4,8\nactivation_bits = 4,8\n"
          "generations = 1\npopulation = 4\nparents = 2\nmutants = 1\ncrossovers = 1\n"
          "trajectory_steps = 3\ntrajectory_samples = 2\nmetric_samples = 6\n"
          "metric_candidates = 1\nselection_candidates = 1\nselection_samples = 6\n"
          "report_samples = 6\nconverged_samples = 2\n");
  const ProcessResult result = MakeTable(table);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const fs::path searches = Folder() / "of-predicted" / "work" / "search";
  EXPECT_EQ(std::distance(fs::directory_iterator(searches), fs::directory_iterator()), 1);
  // Wider bits where the budget allows them, and less predicted error.
  std::map<std::string, std::pair<double, double>> cells;  // BitOps and error
  std::istringstream lines(Made(table, "cells.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const Json cell = ParseJson(line, "cells");
    EXPECT_GT(cell["metrics"]["latency"]["value"], 0);
    cells[cell["bits"]] = {cell["costs"]["bitops"], cell["metrics"]["predicted_error"]["value"]};
  }
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_LT(cells["bitops=0.3x"].first, cells["bitops=0.6x"].first);
  EXPECT_GT(cells["bitops=0.3x"].second, cells["bitops=0.6x"].second);
}

TEST_F(ExperimentTest, BadFoldersAreRefused) {
  const fs::path table = WriteTable("bad");
  ExpectError(MakeTable(Folder() / "none"), 2, "is no folder");
  PutFile(table / "3-other.ini", "recipes = naive\n");
  ExpectError(MakeTable(table), 2, "3-other.ini: unknown key \"recipes\"");
  PutFile(table / "3-other.ini", "[fashion-did]\nsamples = 3\n");
  ExpectError(MakeTable(table), 2, "[fashion-did] is no model");
  PutFile(table / "3-other.ini", "improves_on = nothing\n");
  ExpectError(MakeTable(table), 2, "is no row");
  PutFile(table / "3-other.ini", "bits = w9a8\n");
  ExpectError(MakeTable(table), 2, "is no pair of bit-widths: \"w9a8\"");
  PutFile(table / "3-other.ini", "method = predicted\nbits = size=2MB\n");
  ExpectError(MakeTable(table), 2, "nothing is called size");
  PutFile(table / "3-other.ini", "metrics = fid2\n");
  ExpectError(MakeTable(table), 2, "fid2");
  PutFile(table / "3-other.ini", "[search]\ngenerationz = 3\n");
  ExpectError(MakeTable(table), 2, "generationz");
  PutFile(table / "3-other.ini", "[quick-search]\ngenerationz = 3\n");
  ExpectError(MakeTable(table), 2, "[quick-search]: unknown key \"generationz\"");
}

TEST_F(ExperimentTest, ARowMayHaveFewerModelsThanTheFolder) {
  const fs::path table = Folder() / "fewer";
  PutFile(table / "defaults.ini",
          "method = float\nmodels = fashion-dit, fashion-unet\nseeds = 0\nmetrics = fd\n"
          "[fashion-unet]\nsamples = 3\n");
  PutFile(table / "1-all.ini", "");
  PutFile(table / "2-one.ini", "models = fashion-dit\n");
  const ProcessResult listed = MakeTable(table, {"--list"});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_EQ(listed.out,
            "1-all.fashion-dit.float.0\n1-all.fashion-unet.float.0\n2-one.fashion-dit.float.0\n");
}

// A copy of the bundled model under another name has the bundled model's table.
TEST_F(ExperimentTest, AModelOfYourOwnTakesTheRowsPlaces) {
  const fs::path table = WriteTable("own"), mine = Folder() / "models" / "mine";
  PutFile(table / "defaults.ini", std::string(kSmallDefaults) + "[fashion-dit]\nsteps = 3\n");
  fs::create_directories(mine);
  fs::copy_file(TMPQ_SOURCE_DIR "/checkpoints/fashion-dit/weights.safetensors",
                mine / "weights.safetensors");
  const ProcessResult made = MakeTable(table, {"--model", mine.string() + "/"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  std::string csv = Made(table, "table.csv");
  EXPECT_NE(csv.find("2-naive,\"naive, per token\",mine,w8a8,0,"), std::string::npos) << csv;
  EXPECT_EQ(ParseJson(Made(table, "manifest.json"), "manifest")["experiment"], "own-mine");
  PutFile(table / "defaults.ini", kSmallDefaults);  // sections of models say nothing to others
  const ProcessResult bundled = MakeTable(table, {"--fresh", "--work", Folder() / "own-bundled"});
  ASSERT_EQ(bundled.exit_code, 0) << bundled.err;
  for (size_t at; (at = csv.find(",mine,")) != std::string::npos;) {
    csv.replace(at, 6, ",fashion-dit,");
  }
  EXPECT_EQ(Made(table, "table.csv"), csv);
}

// Of diffusers, with an autoencoder and a text encoder, and a sampler that has no budgets; judged
// by an ImageReward.
TEST_F(ExperimentTest, APipelineOfYourOwnTakesThemToo) {
  const fs::path table = WriteTable("pipeline", "recipe = mixdq\n");  // splits its shortcuts
  const Arguments own = {
      "--model",        TMPQ_SOURCE_DIR "/tests/fixtures/pipeline",
      "--metrics",      "psnr,reward,win_rate",
      "--reward-model", TMPQ_SOURCE_DIR "/tests/fixtures/feature_networks/image-reward"};
  ExpectError(MakeTable(table, own), 1, "sampler plms");
  Arguments with_sampler = own;
  with_sampler.insert(with_sampler.end(), {"--sampler", "ddim"});
  const ProcessResult made = MakeTable(table, with_sampler);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string csv = Made(table, "table.csv");
  for (const char* cell :
       {"1-float,1-float,pipeline,float,1,", "3-other,3-other,pipeline,w4a4,0,"}) {
    EXPECT_NE(csv.find(cell), std::string::npos) << csv;
  }
  std::istringstream cells(Made(table, "cells.jsonl"));
  for (std::string line; std::getline(cells, line);) {
    const Json cell = ParseJson(line, "cell");
    EXPECT_EQ(cell["networks"]["reward_model"]["name"], "image-reward");
    EXPECT_TRUE(cell["metrics"]["reward"]["value"].is_number()) << line;
    EXPECT_EQ(cell["metrics"]["win_rate"]["value"] == 0.5, cell["row"] == "1-float") << line;
  }
}

TEST_F(ExperimentTest, WhatAMetricNeedsOfYourModelIsAskedForBefore) {
  const fs::path table = WriteTable("lacking"), net = Folder() / "models" / "net";
  fs::create_directories(net);
  fs::copy_file(TMPQ_SOURCE_DIR "/checkpoints/fashion-features/weights.safetensors",
                net / "weights.safetensors");
  const auto refused = [&](const Arguments& more, const char* part) {
    Arguments arguments = {"--model", "fashion-dit"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ExpectError(MakeTable(table, arguments), 2, part);
  };
  refused({"--metrics", "psnr,text_similarity"}, "--text-encoder names one");
  refused({"--metrics", "text_alignment"}, "has no judge of its captions");
  refused({"--metrics", "flicker"}, "row 1-float: metric flicker: is not for model fashion-dit");
  refused({"--feature-net", net}, "--reference names samples");
  ExpectError(MakeTable(table, {"--feature-net", net}), 2, "--model names it");
  ExpectError(MakeTable(table, {"--model", Folder() / "none"}), 1, "none");
  EXPECT_FALSE(fs::exists(Folder() / "of-lacking"));
}

// Its configs are what the program knows, and its README says what it asks and what it may cost.
TEST_F(ExperimentTest, EveryTableOfTheRepositoryIsReadable) {
  int tables = 0;
  for (const auto& entry : fs::directory_iterator(TMPQ_SOURCE_DIR "/experiments")) {
    if (!fs::exists(entry.path() / "defaults.ini")) continue;
    ++tables;
    for (const Arguments& more : {Arguments{"--list"}, Arguments{"--list", "--quick"}}) {
      const ProcessResult listed = MakeTable(entry.path(), more);
      EXPECT_EQ(listed.exit_code, 0) << listed.err;
      EXPECT_NE(listed.out.find('.'), std::string::npos) << entry.path();
    }
    const std::string text = ReadFile(entry.path() / "README.md");
    for (const char* part : {"**Question.**", "**Refuted**", "**Limit**", "tmpq-experiment "}) {
      EXPECT_NE(text.find(part), std::string::npos) << entry.path() << " " << part;
    }
  }
  EXPECT_GE(tables, 8);
}

TEST_F(ExperimentTest, AScriptDrawsTheTable) {
  const std::string script = TMPQ_SOURCE_DIR "/scripts/plot_table.py";
  const auto draw = [&](Arguments arguments) {
    arguments.insert(arguments.begin(), script);
    return RunProcess("/usr/bin/python3", arguments);
  };
  fs::create_directories(Folder());
  const std::string picture = Folder() / "table.png";
  for (const char* name : {"ablation", "schedules"}) {  // with a line, and a column, in float
    const std::string table = TMPQ_SOURCE_DIR "/results/" + std::string(name) + "/table.h5";
    const ProcessResult drawn = draw({table, picture, "--metric", "fd"});
    ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
    EXPECT_EQ(ReadFile(picture).substr(1, 3), "PNG");
    ExpectError(draw({table, picture, "--metric", "fid2"}), 2, "there are fd");
    ExpectError(draw({table, picture, "--models", "mine"}), 2, "there are fashion-dit");
    const ProcessResult against = draw({table, picture, "--against", "bitops"});
    EXPECT_EQ(against.exit_code, 0) << against.err;
    ExpectError(draw({table, picture, "--against", "watts"}), 2, "bitops, bytes");
  }
  ExpectError(draw({TMPQ_SOURCE_DIR "/results/demo/run.h5", picture}), 1, "is not a table");
}

// A panel for each model and loss.
TEST_F(ExperimentTest, AScriptDrawsItsSearches) {
  fs::create_directories(Folder());
  const std::string picture = Folder() / "searches.png";
  const auto draw = [&](const std::string& table, Arguments more = {}) {
    Arguments arguments = {TMPQ_SOURCE_DIR "/scripts/plot_search_study.py",
                           TMPQ_SOURCE_DIR "/results/" + table + "/cells.jsonl", picture};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProcess("/usr/bin/python3", arguments);
  };
  for (const char* table : {"objectives", "tmpq-dm"}) {  // two losses, two models
    const ProcessResult drawn = draw(table);
    ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
    const std::string png = ReadFile(picture);
    const auto height = [&] { return (png[22] & 0xff) * 256 + (png[23] & 0xff); };
    EXPECT_GT(height(), 900);  // of one panel: 495
  }
  ExpectError(draw("objectives", {"--metric", "fid2"}), 2, "not every cell has fid2");
  ExpectError(draw("recipes"), 1, "holds no search");
}

// Several rows in float have a column of their own; planned timesteps are other ones than uniform.
TEST_F(ExperimentTest, RowsMayDifferInTimestepsAlone) {
  const fs::path table = Folder() / "timesteps";
  PutFile(table / "defaults.ini",
          "method = float\nseeds = 0\nsteps = 3\nsamples = 4\nmetrics = psnr\nfloat_steps = 5\n");
  PutFile(table / "1-uniform.ini", "");
  PutFile(table / "2-list.ini", "timesteps = 999,665,332\n");  // the uniform ones
  PutFile(table / "3-planned.ini", "timesteps = planned\nimproves_on = 1-uniform, 2-list\n");
  const ProcessResult made = MakeTable(table);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const std::string text = Made(table, "table.md");
  EXPECT_NE(text.find("| | float |"), std::string::npos) << text;
  EXPECT_NE(text.find("3-planned beats 1-uniform"), std::string::npos) << text;
  EXPECT_NE(text.find("3-planned beats 2-list"), std::string::npos) << text;
  std::istringstream cells(Made(table, "cells.jsonl"));
  std::vector<double> psnr;
  for (std::string line; std::getline(cells, line);) {
    psnr.push_back(ParseJson(line, "cell")["metrics"]["psnr"]["value"]);
  }
  ASSERT_EQ(psnr.size(), 3u);
  EXPECT_EQ(psnr[0], psnr[1]);
  EXPECT_NE(psnr[0], psnr[2]);
  PutFile(table / "3-planned.ini",
          "method = quantize\nbits = w4a4\nallocation = exact\ntimesteps = planned\n");
  ExpectError(MakeTable(table), 2, "timesteps");
}

TEST_F(ExperimentTest, ScansThatWouldScanNothingAreRefused) {
  const std::filesystem::path table = Folder() / "scans";
  const std::string row = "method = quantize\nbits = w4a4\nallocation = exact\ndivision = ";
  PutFile(table / "1-scan.ini", row + "scan\n");
  ExpectError(MakeTable(table), 2, "division: scans nothing");
  PutFile(table / "1-scan.ini", row + "halves\n");
  ExpectError(MakeTable(table), 2, "error, scan or scan-below");
}

}  // namespace
}  // namespace tmpq
