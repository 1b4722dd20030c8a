// tmpq-bench: results are complete and add up; times are not asserted.
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "tests/programs/process.h"
#include "tests/programs/tiny_search.h"

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
  const ProcessResult result = Bench({"search", "--model", "fashion-dit", "--candidates", "3",
                                      "--steps", "3", "--samples", "2", "--out", out, "--json"});
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
  ASSERT_EQ(json["evaluation"]["populations"].size(), 4u);
  for (const Json& population : json["evaluation"]["populations"]) {
    const size_t ways = population["contests"].size();  // one less without LibTorch
    EXPECT_GE(ways, 3u);
    EXPECT_EQ(population["factors"].size(), ways - 1);
    EXPECT_GE(population["share_of_calls_saved"], 0.0);
    EXPECT_LT(population["share_of_calls_saved"], 1.0);
  }
}

// A table of latencies, a search within it, and what such a search refuses.
TEST(BenchTest, LatencyTablesBoundSearches) {
  const fs::path folder = TestFolder("latency"), table = folder / "latency.json";
  fs::remove_all(folder);
  const ProcessResult timed = Bench({"latency", "--bits", "4,6", "--batch", "2", "--out", table});
  ASSERT_EQ(timed.exit_code, 0) << timed.err;
  EXPECT_NE(timed.out.find("W6A8"), std::string::npos) << timed.out;
  const Json json = ParseJson(ReadFile(table), "table");
  for (const auto& [site, widths] : json["nanoseconds"].items()) {
    for (const char* bits : {"4x4", "4x8", "6x4", "8x6", "32x32"})
      EXPECT_GT(widths[bits], 0) << site;
  }
  // A table whose times are known: 8 bits cost twice what 4 do.
  Json known = json;
  int64_t sites = 0;
  for (auto& [site, widths] : known["nanoseconds"].items()) {
    for (const char* right : {"x4", "x6", "x8"}) {
      widths[std::string("4") + right] = 1000, widths[std::string("6") + right] = 1500;
      widths[std::string("8") + right] = 2000;
    }
    ++sites;
  }
  known["other_nanoseconds"] = 0;
  WriteFileAtomically(folder / "known.json", known.dump());
  const int64_t most = 4 * 1000 * sites + 4 * 10 * 1000;  // of 4 steps: ten layers at 8 bits each
  const auto search = [&](const char* name, const fs::path& file) {
    return RunProcess(
        "tmpq-search",
        TinySearch(folder / name, {"--budget=latency=" + std::to_string(most / 1000) + "us",
                                   "--latency=" + file.string(), "--json"}));
  };
  const ProcessResult found = search("run", folder / "known.json");
  ASSERT_EQ(found.exit_code, 0) << found.err;
  const Json summary = ParseJson(found.out, "search");
  const Json& plan = summary["plan"];
  EXPECT_LE(plan["latency_ns"], most);
  EXPECT_GT(plan["latency_ns"], 4 * 1000 * sites);
  EXPECT_GT(plan["peak_bytes"].get<int64_t>(), plan["bytes"].get<int64_t>());

  known["nanoseconds"].erase(known["nanoseconds"].begin().key());
  WriteFileAtomically(folder / "less.json", known.dump());
  const ProcessResult less = search("less", folder / "less.json");
  EXPECT_EQ(less.exit_code, 1);
  EXPECT_NE(less.err.find("has no times of"), std::string::npos) << less.err;
  known["model_hash"] = "0";
  WriteFileAtomically(folder / "other.json", known.dump());
  EXPECT_NE(search("other", folder / "other.json").err.find("another model"), std::string::npos);
  fs::remove_all(folder);
}

// The times of all ops are the whole call's.
void ExpectOpTimes(const Json& ops) {
  double sum = 0, products = 0;
  for (const auto& [op, percent] : ops["percent"].items()) {
    sum += percent.get<double>();
    if (op == "linear" || op == "attention" || op == "convolution")
      products += percent.get<double>();
  }
  EXPECT_NEAR(sum, 100, 1e-9);
  EXPECT_NEAR(ops["percent_in_product_kernels"].get<double>(), products, 1e-9);
  EXPECT_GT(products, 0);
  EXPECT_GT(ops["processor_microseconds_a_call"], 0.0);
}

TEST(BenchTest, ModelListsTheTimeOfItsOps) {
  const ProcessResult result =
      Bench({"model", "--model", "fashion-dit", "--batch", "2", "--threads", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result.out, "tmpq-bench");
  ASSERT_EQ(json["contests"].size(), 1u);
  const Json& ops = json["contests"][0]["ops"];
  ASSERT_EQ(ops.size(), 3u);
  for (const char* policy : {"w8a8", "w4a8", "w4a4"}) ExpectOpTimes(ops[policy]);
}

TEST(BenchTest, NetworksArePackedAndCalledInProcessesOfTheirOwn) {
  const ProcessResult result = Bench({"networks", "--networks", "tiny-dit", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result.out, "tmpq-bench");
  ASSERT_EQ(json["networks"].size(), 1u);
  const Json& network = json["networks"][0];
  const auto parameters = network["parameters"].get<int64_t>();
  EXPECT_GT(parameters, 10'000);
  int64_t plan_bytes = 4 * parameters;
  for (const char* policy : {"w8a8", "w4a8"}) {
    const Json& call = network[policy];
    const auto bytes = call["packing"]["plan_bytes"].get<int64_t>();
    EXPECT_LT(bytes, plan_bytes) << policy;
    EXPECT_GT(bytes, parameters / 2);
    plan_bytes = bytes;
    EXPECT_GT(call["relative_difference"], 0.0);
    EXPECT_LT(call["relative_difference"], call["most_relative_difference"]);
    EXPECT_GT(call["seconds"]["least"], 0.0);
    EXPECT_LE(call["seconds"]["least"], call["seconds"]["median"]);
    const Json& memory = call["memory"];
    EXPECT_GT(memory["peak_bytes"], plan_bytes);
    EXPECT_EQ(memory["peak_bytes"].get<int64_t>() - memory["begin_bytes"].get<int64_t>(),
              memory["used_bytes"].get<int64_t>());
    EXPECT_DOUBLE_EQ(call["times_less_than_float32"]["peak_bytes"].get<double>() *
                         memory["peak_bytes"].get<double>(),
                     network["float32"]["memory"]["peak_bytes"].get<double>());
    ExpectOpTimes(call["ops"]);
  }
}

TEST(BenchTest, RooflinesArePredictedFromCounts) {
  const ProcessResult result = Bench({"kernels", "--roofline", "--shapes", "64x128x64", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json json = ParseJson(result.out, "tmpq-bench");
  ASSERT_EQ(json["predictions"].size(), 3u);
  for (const Json& prediction : json["predictions"]) {
    int64_t mma[2] = {};  // of bytes; of nibbles, for the GPUs that multiply them
    for (const Json& launch : prediction["launches"]) {
      mma[launch["nibbles"].get<bool>() ? 1 : 0] += launch["mma"].get<int64_t>();
      EXPECT_EQ(launch["bank_conflicts"], 0);
    }
    EXPECT_EQ(mma[0], 64 / 16 * (64 / 8) * (128 / 32));
    EXPECT_EQ(mma[1], prediction["bits"] == "W4A4" ? 64 / 16 * (64 / 8) * (128 / 64) : 0);
    for (const auto& [gpu, model] : json["gpus"].items()) {
      const Json& of = prediction["gpus"][gpu];
      EXPECT_NEAR(of["share_of_peak"].get<double>() * of["predicted_microseconds"].get<double>(),
                  1e6 * 64 * 128 * 64 / model["mma_per_second"].get<double>(), 1e-9);
    }
  }
}

// The same files from a killed and resumed study, and from one thread.
TEST(BenchTest, AlgorithmsAreReplayedOnAnExhaustiveTruth) {
  const fs::path folder = fs::path(testing::TempDir()) / ("algorithms-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const fs::path config = folder / "tiny.ini";
  WriteFileAtomically(config,
                      "model = fashion-dit\nweight_bits = 3,8\nactivation_bits = 4,8\n"
                      "trajectory_steps = 3\ntrajectory_samples = 2\nsampling_steps = 2\n"
                      "group_bits = embedding=8;modulation.activations=8\nexponents = 100,150\n"
                      "algorithms = guided,uniform,random\nseeds = 2\n");
  const auto study = [&](const char* out, Arguments more, const ProcessOptions& options = {}) {
    Arguments arguments = {"algorithms", "--config", config, "--out", folder / out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunProcess("tmpq-bench", arguments, options);
  };
  const ProcessResult whole = study("whole", {"--json"});
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  const Json json = ParseJson(whole.out, "tmpq-bench");
  EXPECT_EQ(json["candidates"], 64);  // five genes of two, two schedules
  EXPECT_EQ(json["space_size"], "64");
  EXPECT_EQ(json["algorithms"].size(), 3u);
  ProcessOptions options;
  options.kill_when = folder / "killed" / "journal.jsonl";
  options.kill_lines = 20;
  ASSERT_EQ(study("killed", {"--threads=1"}, options).exit_code, -SIGKILL);
  const ProcessResult again = study("killed", {"--threads=1"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.err.find("--resume goes on"), std::string::npos) << again.err;
  ASSERT_EQ(study("killed", {"--threads=1", "--resume"}).exit_code, 0);
  for (const char* name : {"journal.jsonl", "algorithms.json", "table.md", "table.csv"}) {
    EXPECT_EQ(ReadFile(folder / "whole" / name) == ReadFile(folder / "killed" / name), true)
        << name;
  }
  // Other seeds measure nothing; another sampler is another journal.
  WriteFileAtomically(config, ReadFile(config) + "first_seed = 5\n");
  ASSERT_EQ(study("killed", {"--resume"}).exit_code, 0);
  EXPECT_EQ(ReadFile(folder / "whole/journal.jsonl") == ReadFile(folder / "killed/journal.jsonl"),
            true);
  WriteFileAtomically(config, ReadFile(config) + "guidance = 2\n");
  const ProcessResult other = study("killed", {"--resume"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.err.find("guidance"), std::string::npos) << other.err;
  fs::remove_all(folder);
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
  refused({"latency", "--bits", "9"}, 2, "--bits");
  refused({"latency", "--threads", "1,2"}, 2, "--threads");
  refused({"latency", "--backend", "emulated"}, 2, "--backend");
  refused({"search", "--candidates", "-1"}, 2, "--candidates");
  refused({"search", "--model", "no-such-model"}, 1, "no-such-model");
  refused({"networks", "--networks", "no-such-network"}, 2, "pixart-sigma-xl-2-512");
  refused({"networks", "--networks", "tiny-dit", "--batch", "0"}, 2, "--batch");
  refused({"algorithms"}, 2, "--config");
  refused({"algorithms", "--config", "no-such-file.ini", "--out", "nowhere"}, 1, "no-such-file");
}

}  // namespace
}  // namespace tmpq
