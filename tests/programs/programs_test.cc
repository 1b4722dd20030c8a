// The programs from end to end on the bundled model, with a search small enough for a test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/core/tensor_file.h"
#include "tests/programs/process.h"
#include "tests/programs/same_run.h"
#include "tests/programs/tiny_search.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path& Folder() { return TestFolder("programs"); }

ProcessResult Search(const std::string& out, std::vector<std::string> more = {},
                     const ProcessOptions& options = {}) {
  return RunProcess("tmpq-search", TinySearch(Folder() / out, std::move(more)), options);
}

std::string Bytes(const fs::path& path) { return ReadFile(Folder() / path); }

// One finished run that most tests look at.
class ProgramsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fs::create_directories(Folder());
    search_ = Search("run");
  }
  static void TearDownTestSuite() { fs::remove_all(Folder()); }

  static std::string Plan() { return Folder() / "run/plan.safetensors"; }
  static void ExpectSameRun(const std::string& other) {
    tmpq::ExpectSameRun(Folder() / "run", Folder() / other);
  }

  static ProcessResult search_;
};
ProcessResult ProgramsTest::search_;

TEST_F(ProgramsTest, SearchEndsWithAPlanWithinTheBudget) {
  ASSERT_EQ(search_.exit_code, 0) << search_.err;
  EXPECT_EQ(
      FilesIn(Folder() / "run"),
      (std::vector<std::string>{"journal.jsonl", "jump_errors.safetensors", "plan.safetensors",
                                "run.h5", "samples.png", "summary.json", "supernet.safetensors"}));
  const Json summary = ParseJson(Bytes("run/summary.json"), "summary");
  for (const char* row : {"float", "naive", "w4a4", "w8a8", "plan"}) {
    ASSERT_TRUE(summary.contains(row)) << row;
    EXPECT_EQ(summary[row]["steps"], 4);
    EXPECT_EQ(summary[row]["samples"], 21);
    const Json& distance = summary[row]["metrics"]["distance"];
    EXPECT_LE(distance["low"], distance["value"]);
    EXPECT_LE(distance["value"], distance["high"]);
    EXPECT_NE(search_.out.find(row), std::string::npos);
    EXPECT_GT(summary["times"]["milliseconds_per_sample"][row], 0) << row;
  }
  EXPECT_EQ(summary["times"]["milliseconds_per_sample"].size(), 5u);
  EXPECT_GT(summary["times"]["working_bytes"], 100'000);
  EXPECT_NE(search_.out.find("ms a sample:  float "), std::string::npos) << search_.out;
  EXPECT_LE(summary["plan"]["bitops"], summary["w4a4"]["bitops"]);
  EXPECT_EQ(summary["budget"]["bitops"], summary["w4a4"]["bitops"]);
  EXPECT_TRUE(summary["float"]["metrics"]["psnr_to_float"]["value"].is_null());
  EXPECT_GT(summary["w8a8"]["metrics"]["psnr_to_float"]["value"],
            summary["w4a4"]["metrics"]["psnr_to_float"]["value"]);
  EXPECT_GT(summary["hypervolume"], 0);
  EXPECT_NE(search_.err.find("searching: 100%"), std::string::npos);
}

// One call of every class equals the reference's to 1e-4 of the output's range (the margin is
// printed), on every backend the same bytes. tests/fixtures/make_diffusers.py made the cases.
TEST_F(ProgramsTest, PredictEqualsDiffusers) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(TMPQ_SOURCE_DIR "/tests/fixtures/diffusers")) {
    const std::string name = entry.path().filename(), out = Folder() / (name + ".safetensors");
    const auto predict = [&](const std::string& backend) {
      return RunProcess("tmpq-predict",
                        {"--model", entry.path(), "--overwrite", "--inputs",
                         entry.path() / "case.safetensors", "--backend=" + backend, "--out", out});
    };
    const ProcessResult result = predict("cpu");
    ASSERT_EQ(result.exit_code, 0) << name << ": " << result.err;
    const TensorFile actual(out);
    const TensorFile expected(entry.path() / "case.safetensors", TensorFile::Checksum::kIfPresent);
    const auto a = actual.Floats("sample"), e = expected.Floats("expected");
    ASSERT_EQ(actual.Get("sample").shape, expected.Get("expected").shape) << name;
    const auto [low, high] = std::minmax_element(e.begin(), e.end());
    float worst = 0;
    for (size_t i = 0; i < e.size(); ++i) worst = std::max(worst, std::fabs(a[i] - e[i]));
    EXPECT_LE(worst / (*high - *low), 1e-4) << name;
    std::printf("%s: %.1e of the range\n", name.c_str(), worst / (*high - *low));
    const std::string bytes = Bytes(name + ".safetensors");
    ASSERT_EQ(predict("reference").exit_code, 0);
    EXPECT_EQ(bytes == Bytes(name + ".safetensors"), true) << name;
    ++count;
  }
  EXPECT_GE(count, 12);
}

// A plan's call in integers is near its call in float; wrong inputs are refused by name.
TEST_F(ProgramsTest, PredictRunsPlansAndRefusesWrongInputs) {
  const auto write = [](const std::string& name, std::vector<int64_t> shape, int32_t label) {
    const std::vector<float> sample(2 * 28 * 28, 0.25f), timestep = {500};
    const std::vector<int32_t> labels = {3, label};
    TensorFileWriter writer;
    writer.AddFloats("sample", std::move(shape), sample);
    writer.AddFloats("timestep", {1}, timestep);
    writer.AddInt32s("class_labels", {2}, labels);
    writer.Write(Folder() / name);
  };
  write("inputs.safetensors", {2, 1, 28, 28}, 9);
  write("beyond.safetensors", {2, 1, 28, 28}, 11);
  write("turned.safetensors", {2, 28, 28, 1}, 9);
  const auto predict = [&](const std::string& inputs, const std::string& backend) {
    return RunProcess("tmpq-predict", {"--plan", Plan(), "--inputs", Folder() / inputs, "--out",
                                       Folder() / "call.safetensors", "--backend=" + backend,
                                       "--overwrite", "--json"});
  };
  ASSERT_EQ(predict("inputs.safetensors", "cpu").exit_code, 0);
  const std::string bytes = Bytes("call.safetensors");
  ASSERT_EQ(predict("inputs.safetensors", "reference").exit_code, 0);
  EXPECT_EQ(bytes == Bytes("call.safetensors"), true);
  ProcessResult refused = predict("beyond.safetensors", "cpu");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("label"), std::string::npos) << refused.err;
  refused = predict("turned.safetensors", "cpu");
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("the network takes (2, 1, 28, 28)"), std::string::npos) << refused.err;
}

TEST_F(ProgramsTest, ThreadsBatchKernelsAndCacheDoNotChangeTheRun) {
  ASSERT_EQ(Search("one", {"--threads=1", "--batch=1"}).exit_code, 0);
  ExpectSameRun("one");
  ASSERT_EQ(Search("three", {"--threads=3", "--batch=16", "--backend=avx2", "--trajectory-cache=0"})
                .exit_code,
            0);
  ExpectSameRun("three");
}

TEST_F(ProgramsTest, KilledRunsResumeToTheSameBytes) {
  for (const int lines : {1, 40, 95}) {  // while probing, and later
    const std::string name = "killed" + std::to_string(lines);
    ProcessOptions options;
    options.kill_when = Folder() / name / "journal.jsonl";
    options.kill_lines = lines;
    ASSERT_EQ(Search(name, {}, options).exit_code, -SIGKILL);
    EXPECT_FALSE(fs::exists(Folder() / name / "plan.safetensors"));
    const ProcessResult resumed = Search(name, {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    ExpectSameRun(name);
  }
}

TEST_F(ProgramsTest, InterruptedRunsSayHowToGoOn) {
  ProcessOptions options;
  options.kill_when = Folder() / "interrupted/journal.jsonl";
  options.interrupt_lines = 20;
  const ProcessResult interrupted = Search("interrupted", {}, options);
  EXPECT_EQ(interrupted.exit_code, 1);
  EXPECT_NE(interrupted.err.find("--resume"), std::string::npos) << interrupted.err;
  ASSERT_EQ(Search("interrupted", {"--resume"}).exit_code, 0);
  ExpectSameRun("interrupted");
}

TEST_F(ProgramsTest, ResumingAFinishedRunMeasuresNothing) {
  const std::string journal = Bytes("run/journal.jsonl");
  ASSERT_EQ(Search("run", {"--resume"}).exit_code, 0);
  EXPECT_EQ(Bytes("run/journal.jsonl"), journal);
}

TEST_F(ProgramsTest, RunGivesTheSameBytesOnEveryBackend) {
  const auto run = [&](const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"--plan=" + Plan(), "--count=5", "--seed=3",
                                          "--out=" + (Folder() / name).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProcessResult result = RunProcess("tmpq-run", arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find(" ms a sample on "), std::string::npos) << result.err;
    return Bytes(name);
  };
  const std::string expected = run("cpu.npy", {});
  EXPECT_EQ(run("reference.npy", {"--backend=reference"}) == expected, true);
  EXPECT_EQ(run("avx2.npy", {"--backend=avx2"}) == expected, true);
  EXPECT_EQ(run("batch1.npy", {"--batch=1", "--threads=1"}) == expected, true);
  EXPECT_EQ(run("batch16.npy", {"--batch=16", "--threads=2"}) == expected, true);
  EXPECT_EQ(run("float.npy", {"--backend=float"}) == expected, false);
  EXPECT_EQ(run("class.npy", {"--class=7"}) == expected, false);
  EXPECT_EQ(run("cpu.png", {}) == run("reference.png", {"--backend=reference"}), true);
  // Sample i does not depend on how many others there are.
  const std::string more = run("more.npy", {"--count=9"});
  const size_t header = 128, bytes = 5 * 28 * 28 * 4;
  EXPECT_EQ(more.substr(header, bytes) == expected.substr(header, bytes), true);
}

struct BadCase {
  const char* program;
  std::vector<std::string> arguments;
  int exit_code;
  const char* says;  // in the error line
};

TEST_F(ProgramsTest, BadInputGetsOneLineAndLeavesNothing) {
  const std::string out = "--out=" + (Folder() / "bad").string(),
                    png = "--out=" + (Folder() / "bad.png").string();
  const std::string plan = "--plan=" + Plan();
  const std::vector<BadCase> cases = {
      {"tmpq-search", {"--abacus", out}, 2, "abacus"},
      {"tmpq-search", {"stray", out}, 2, "stray"},
      {"tmpq-search", {"--budget=0bit", out}, 2, "2bit to 8bit"},
      {"tmpq-search", {"--budget=cheap", out}, 2, "cheap"},
      {"tmpq-search", {"--budget=2bit", out}, 2, "lowest"},
      {"tmpq-search", {"--steps=0", out}, 2, "steps"},
      {"tmpq-search", {"--steps=5000", out}, 2, "1000"},
      {"tmpq-search", {"--steps=many", out}, 2, "many"},
      {"tmpq-search", {"--steps=40", "--grouping=quadratic", out}, 2, "at most 29"},
      {"tmpq-search", {"--weight-bits=4,9", out}, 2, "weight_bits"},
      {"tmpq-search", {"--weight-bits=", out}, 2, "weight_bits"},
      {"tmpq-search", {"--mode=chaotic", out}, 2, "groupwise"},
      {"tmpq-search", {"--threads=-1", out}, 2, "--threads"},
      {"tmpq-search", {"--resume", "--overwrite", out}, 2, "contradict"},
      {"tmpq-search", {"--backend=float", out}, 2, "is not taken here"},
      {"tmpq-search", {"--backend=abacus", out}, 2, "known are cpu"},
      {"tmpq-search", {"--trajectory-cache=-1", out}, 2, "--trajectory-cache"},
      {"tmpq-search", {"--budget=latency=15ms", out}, 2, "tmpq-bench latency"},
      {"tmpq-search", {"--latency=/no/such.json", out}, 1, "/no/such.json"},
      {"tmpq-search", {"--model=no-such-model", out}, 1, "fashion-dit"},
      {"tmpq-search", {"--model=fashion-features", out}, 1, "not a diffusion model"},
      {"tmpq-search", {"--config=/no/such.ini", out}, 1, "/no/such.ini"},
      {"tmpq-search", {"--out=/proc/tmpq"}, 1, "/proc/tmpq"},
      {"tmpq-search", {"--out=" + (Folder() / "run").string()}, 2, "--resume"},
      {"tmpq-search",
       {"--out=" + (Folder() / "run").string(), "--resume", "--seed=9"},
       2,
       "another config"},
      {"tmpq-run", {png}, 2, "--plan"},
      {"tmpq-run", {plan}, 2, "--out"},
      {"tmpq-run", {"--plan=/no/such.plan", png}, 1, "/no/such.plan"},
      {"tmpq-run",
       {"--plan=" + (Folder() / "run/supernet.safetensors").string(), png},
       1,
       "not a plan"},
      {"tmpq-run", {"--plan=" + (Folder() / "run/summary.json").string(), png}, 1, "summary.json"},
      {"tmpq-run", {plan, png, "--backend=abacus"}, 2, "known are cpu"},
      {"tmpq-run", {plan, png, "--count=0"}, 2, "--count"},
      {"tmpq-run", {plan, png, "--count=some"}, 2, "some"},
      {"tmpq-run", {plan, png, "--class=10"}, 2, "class"},
      {"tmpq-run", {plan, png, "--model=fashion-features"}, 1, "another model"},
      {"tmpq-run", {plan, "--out=" + (Folder() / "bad.bmp").string()}, 2, ".png, .npy"},
      {"tmpq-run", {plan, "--out=/proc/tmpq/x.png"}, 1, "/proc/tmpq"},
      {"tmpq-run", {plan, "--out=" + (Folder() / "bad.gif").string()}, 2, "is for clips"},
      {"tmpq-run", {plan, png, "--steps=5"}, 2, "the plan's own"},
      {"tmpq-run", {plan, png, "--timesteps=ays"}, 2, "the plan's own"},
      {"tmpq-run", {"--model=fashion-dit", "--timesteps=cubic", png}, 2, "no known rule"},
      {"tmpq-run", {"--model=fashion-dit", "--timesteps=3,5", png}, 2, "decrease strictly"},
      {"tmpq-run", {"--model=fashion-dit", "--timesteps=5,3", "--steps=2", png}, 2, "contradicts"},
      {"tmpq-run", {"--model=/no/model", png}, 1, "no bundled model"},
      {"tmpq-run",
       {"--model=" TMPQ_SOURCE_DIR "/tests/fixtures/diffusers/dit", png},
       1,
       "is one component"},
      {"tmpq-run", {plan, "--out=" + (Folder() / "run/samples.png").string()}, 2, "--overwrite"},
  };
  const auto before = FilesIn(Folder());
  for (const BadCase& bad : cases) {
    std::string line = bad.program;
    for (const std::string& argument : bad.arguments) line += " " + argument;
    const ProcessResult result = RunProcess(bad.program, bad.arguments);
    EXPECT_EQ(result.exit_code, bad.exit_code) << line << "\n" << result.err;
    EXPECT_NE(result.err.find(bad.says), std::string::npos) << line << "\n" << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << line << "\n"
                                                                         << result.err;
    EXPECT_EQ(result.err.rfind(std::string(bad.program) + ": error: ", 0), 0u) << line << "\n"
                                                                               << result.err;
    EXPECT_TRUE(result.out.empty()) << line;
  }
  EXPECT_EQ(FilesIn(Folder()), before);
}

// Cuts and flips of every file that a program reads.
TEST_F(ProgramsTest, DamagedFilesAreNamed) {
  const fs::path model = Folder() / "model/weights.safetensors",
                 plan = Folder() / "damaged/plan.safetensors";
  fs::create_directories(model.parent_path());
  fs::create_directories(plan.parent_path());
  const auto expect_failure = [&](const std::string& program, std::vector<std::string> arguments,
                                  const fs::path& culprit) {
    const ProcessResult result = RunProcess(program, arguments);
    EXPECT_EQ(result.exit_code, 1) << result.err;
    EXPECT_NE(result.err.find(culprit.string()), std::string::npos) << result.err;
  };
  const auto damage = [](std::string bytes, int kind) {
    if (kind == 0) return bytes.substr(0, bytes.size() / 2);
    if (kind == 1) return std::string();
    bytes[kind == 2 ? bytes.size() - 100 : 300] ^= 4;
    return bytes;
  };
  const std::string weights =
      ReadFile(fs::path(TMPQ_SOURCE_DIR) / "checkpoints/fashion-dit/weights.safetensors");
  for (int kind = 0; kind < 4; ++kind) {
    WriteFileAtomically(model, damage(weights, kind));
    expect_failure("tmpq-search",
                   {"--model=" + model.string(), "--out=" + (Folder() / "bad").string()}, model);
    WriteFileAtomically(plan, damage(ReadFile(Plan()), kind));
    expect_failure("tmpq-run",
                   {"--plan=" + plan.string(), "--out=" + (Folder() / "bad.png").string()}, plan);
    fs::remove_all(Folder() / "resumed");
    fs::copy(Folder() / "run", Folder() / "resumed", fs::copy_options::recursive);
    const fs::path supernet = Folder() / "resumed/supernet.safetensors";
    WriteFileAtomically(supernet, damage(ReadFile(supernet), kind));
    expect_failure("tmpq-search", TinySearch(Folder() / "resumed", {"--resume"}), supernet);
  }
  EXPECT_FALSE(fs::exists(Folder() / "bad"));
  EXPECT_FALSE(fs::exists(Folder() / "bad.png"));
  // A journal that was damaged in the middle is refused; one that was torn at its end goes on.
  fs::remove_all(Folder() / "resumed");
  fs::copy(Folder() / "run", Folder() / "resumed", fs::copy_options::recursive);
  const fs::path journal = Folder() / "resumed/journal.jsonl";
  std::string lines = ReadFile(journal);
  WriteFileAtomically(journal, std::string_view(lines).substr(0, lines.size() - 9));
  EXPECT_EQ(RunProcess("tmpq-search", TinySearch(Folder() / "resumed", {"--resume"})).exit_code, 0);
  ExpectSameRun("resumed");
  lines[lines.size() / 2] ^= 1;
  WriteFileAtomically(journal, lines);
  expect_failure("tmpq-search", TinySearch(Folder() / "resumed", {"--resume"}), journal);
}

TEST_F(ProgramsTest, AFullDiskLeavesNothingHalfWritten) {
  ProcessOptions full;
  full.max_file_bytes = 100'000;  // the supernet does not fit
  const ProcessResult search = Search("full", {}, full);
  EXPECT_EQ(search.exit_code, 1);
  EXPECT_NE(search.err.find("supernet.safetensors"), std::string::npos) << search.err;
  EXPECT_EQ(FilesIn(Folder() / "full"), std::vector<std::string>{"journal.jsonl"});
  full.max_file_bytes = 1000;
  const ProcessResult run = RunProcess(
      "tmpq-run", {"--plan=" + Plan(), "--count=2", "--out=" + (Folder() / "full.npy").string()},
      full);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_NE(run.err.find("full.npy"), std::string::npos) << run.err;
  for (const std::string& name : FilesIn(Folder()))
    EXPECT_EQ(name.find("full."), std::string::npos) << name;
  // With room again the search goes on from there.
  EXPECT_EQ(Search("full", {"--resume"}).exit_code, 0);
  ExpectSameRun("full");
}

TEST_F(ProgramsTest, HelpVersionAndJson) {
  for (const char* program : {"tmpq-search", "tmpq-run"}) {
    const ProcessResult help = RunProcess(program, {"--help"}),
                        version = RunProcess(program, {"--version"});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_NE(help.out.find("--out"), std::string::npos);
    EXPECT_EQ(version.exit_code, 0);
    EXPECT_EQ(version.out.rfind(program, 0), 0u);
  }
  const ProcessResult json = RunProcess("tmpq-run", {"--plan=" + Plan(), "--count=1", "--json",
                                                     "--out=" + (Folder() / "json.png").string()});
  EXPECT_EQ(ParseJson(json.out, "stdout")["steps"], 4);
}

}  // namespace
}  // namespace tmpq
