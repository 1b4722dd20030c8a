#include "bench/network_bench.h"

#include <omp.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <span>

#include "bench/child_process.h"
#include "bench/contest.h"
#include "bench/network_cases.h"
#include "bench/runtime_model.h"
#include "bench/temporary_folder.h"
#include "src/core/file.h"
#include "src/runtime/plan_file.h"
#include "src/supernet/supernet.h"
#ifdef TMPQ_WITH_TORCH
#include "bench/torch_linear.h"
#include "bench/torch_model.h"
#endif

namespace tmpq {
namespace {

// The most that outputs may differ from the float network's (RelativeDifference): random weights
// rounded to 4 bits lose an eighth of every product, where an output of zeros is off by 1.
struct IntegerPolicy {
  const char* name;
  int weight_bits;
  double most_difference;
};
constexpr IntegerPolicy kPolicies[] = {{"w8a8", 8, 0.1}, {"w4a8", 4, 0.9}};
constexpr int kActivationBits = 8;

double WallSeconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// Of all threads.
double ProcessorSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// {"median", "least"} of `calls` calls, in seconds and in those of the processor.
Json TimeCalls(int calls, const std::function<void()>& call) {
  std::vector<double> seconds, processor;
  for (int i = 0; i < calls; ++i) {
    const double begin = WallSeconds(), processor_begin = ProcessorSeconds();
    call();
    seconds.push_back(WallSeconds() - begin);
    processor.push_back(ProcessorSeconds() - processor_begin);
  }
  const auto summary = [](std::vector<double> values) -> Json {
    std::sort(values.begin(), values.end());
    return {{"median", values[values.size() / 2]}, {"least", values[0]}};
  };
  return {{"seconds", summary(seconds)}, {"processor_seconds", summary(processor)}};
}

// What a process began with and came to: LibTorch's library is there from the beginning.
Json MemoryToJson(const ResidentMemory& begin) {
  const int64_t peak = ReadResidentMemory().peak;
  return {{"begin_bytes", begin.now}, {"peak_bytes", peak}, {"used_bytes", peak - begin.now}};
}

// One network's stages: what each process does.
class NetworkStages {
 public:
  NetworkStages(const std::string& name, const NetworkBenchSettings& settings,
                const std::filesystem::path& folder, Progress& progress)
      : name_(name), settings_(settings), folder_(folder), progress_(progress) {}

  // Calls the float network and keeps its output.
  Json CallFloat() const {
    const ResidentMemory begin = ReadResidentMemory();
    const Graph graph = BuildNetwork(name_);
    const RandomBatch inputs(graph, settings_.batch);
    omp_set_num_threads(settings_.threads);
    const ParameterSet parameters = RandomWeights(graph);
#ifdef TMPQ_WITH_TORCH
    SetTorchThreads(settings_.threads);
    TorchModel model(graph, parameters, inputs, settings_.batch);
    Json result = TimeCalls(settings_.calls, [&] { model.Run(); });
    const float* out = model.out();
    result["executor"] = "LibTorch " + TorchVersion();
#else
    const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
    const ActivePolicy policy = network.ActivateFloat();
    RuntimeModel model(network, inputs, settings_.batch, settings_.threads);
    Json result = TimeCalls(settings_.calls, [&] { model.Run(policy); });
    const float* out = model.out().data();
    result["executor"] = "tmpq";
#endif
    result["memory"] = MemoryToJson(begin);
    const auto elements = static_cast<size_t>(settings_.batch * ElementsOf(graph.output_shape()));
    WriteFileAtomically(OutputPath(), std::as_bytes(std::span(out, elements)));
    return result;
  }

  // Writes a plan a policy: what a program opens to run the network.
  Json Pack() const {
    const Graph graph = BuildNetwork(name_);
    omp_set_num_threads(settings_.threads);
    const ParameterSet parameters = RandomWeights(graph);
    Json result;
    for (const IntegerPolicy& policy : kPolicies) {
      const double begin = WallSeconds();
      WritePlanOf(graph, parameters, policy);
      result[policy.name] = {{"seconds", WallSeconds() - begin},
                             {"plan_bytes", std::filesystem::file_size(PlanPath(policy))}};
    }
    return result;
  }

  Json CallIntegers(const IntegerPolicy& policy) const {
    const ResidentMemory begin = ReadResidentMemory();
    const PlanFile plan(PlanPath(policy));
    const Graph& graph = plan.description().graph;
    const RuntimeNetwork network(graph, plan.parameters(), kernels::BestKernels());
    const ActivePolicy active =
        network.Activate(plan.description().candidate.policy(0), &plan.weights());
    const RandomBatch inputs(graph, settings_.batch);
    RuntimeModel model(network, inputs, settings_.batch, settings_.threads);
    Json ops;  // of the last call
    Json result = TimeCalls(settings_.calls, [&] { ops = model.TimeOps(active, 1); });
    result["memory"] = MemoryToJson(begin);
    result["ops"] = ops;
    result["relative_difference"] = Check(model.out(), policy.most_difference);
    result["most_relative_difference"] = policy.most_difference;
    return result;
  }

 private:
  std::filesystem::path OutputPath() const { return folder_ / (name_ + ".output"); }
  std::filesystem::path PlanPath(const IntegerPolicy& policy) const {
    return folder_ / (name_ + "." + policy.name);
  }

  void WritePlanOf(const Graph& graph, const ParameterSet& parameters,
                   const IntegerPolicy& policy) const {
    const auto path = folder_ / (name_ + ".supernet");
    const std::vector<BitWidth> widths = {BitWidth::Of(policy.weight_bits)};
    const Hash128 hash = HashString(name_);
    Supernet::Build(graph, parameters, hash, widths, path, progress_);
    PlanDescription plan;
    plan.model_name = name_, plan.model_hash = hash, plan.graph = graph;
    plan.schedule = NoiseSchedule::Make("linear", 1000);
    plan.candidate =
        Candidate::Uniform(TimestepSequence({500}, plan.schedule.training_steps()),
                           UniformPolicy(graph.sites(), widths[0], BitWidth::Of(kActivationBits)));
    plan.provenance = Json::object();
    WritePlan(PlanPath(policy), plan, parameters, Supernet(path, graph, hash, widths).weights());
    std::filesystem::remove(path);
  }

  double Check(const std::vector<float>& out, double most_difference) const {
    const std::string bytes = ReadFile(OutputPath());
    std::vector<float> exact(bytes.size() / sizeof(float));
    std::memcpy(exact.data(), bytes.data(), bytes.size());
    TMPQ_CHECK(exact.size() == out.size(), "outputs differ in size");
    TMPQ_CHECK(std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); }),
               name_ + ": an output is not finite");
    const double difference = RelativeDifference(out, exact);
    TMPQ_CHECK(difference < most_difference,
               name_ + ": outputs differ by " + std::to_string(difference));
    return difference;
  }

  const std::string name_;
  const NetworkBenchSettings& settings_;
  const std::filesystem::path folder_;
  Progress& progress_;
};

// How many times less a policy's call takes than the float32 one of that many parameters.
Json RatiosOf(int64_t parameters, const Json& floats, const Json& integers) {
  const double weight_bytes = static_cast<double>(sizeof(float)) * static_cast<double>(parameters);
  const auto ratio = [&](const char* part, const char* key) {
    return floats[part][key].get<double>() / integers[part][key].get<double>();
  };
  return {{"weight_bytes", weight_bytes / integers["packing"]["plan_bytes"].get<double>()},
          {"seconds", ratio("seconds", "least")},
          {"processor_seconds", ratio("processor_seconds", "least")},
          {"peak_bytes", ratio("memory", "peak_bytes")},
          {"used_bytes", ratio("memory", "used_bytes")}};
}

Json BenchNetwork(const std::string& name, const NetworkBenchSettings& settings,
                  Progress& progress) {
  const Graph graph = BuildNetwork(name);
  const TemporaryFolder folder;
  const NetworkStages stages(name, settings, folder.path(), progress);
  const auto run = [&](const std::string& stage, const std::function<Json()>& work) {
    progress.Log(name + ": " + stage);
    return RunInChild(name + ": " + stage, work);
  };
  Json result = {{"name", name},
                 {"batch", settings.batch},
                 {"threads", settings.threads},
                 {"calls", settings.calls},
                 {"parameters", graph.parameter_count()},
                 {"macs", graph.macs()},
                 {"float32", run("float32 call", [&] { return stages.CallFloat(); })}};
  const Json packed = run("quantizing and packing", [&] { return stages.Pack(); });
  for (const IntegerPolicy& policy : kPolicies) {
    Json call =
        run(std::string(policy.name) + " call", [&] { return stages.CallIntegers(policy); });
    call["packing"] = packed[policy.name];
    call["times_less_than_float32"] = RatiosOf(graph.parameter_count(), result["float32"], call);
    result[policy.name] = call;
  }
  return result;
}

std::string Number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string Row(const char* name, const std::vector<std::string>& cells) {
  char cell[32];
  std::snprintf(cell, sizeof(cell), "  %-14s", name);
  std::string row = cell;
  for (const std::string& text : cells) {
    std::snprintf(cell, sizeof(cell), " %10s", text.c_str());
    row += cell;
  }
  return row + "\n";
}

std::string CallRow(const char* name, const Json& call, double weight_bytes,
                    const std::string& packing) {
  const auto megabytes = [](double bytes) { return Number("%.1f", 1e-6 * bytes); };
  const auto seconds = [&](const char* key) {
    return Number("%.3f", call[key]["least"].get<double>());
  };
  const Json& memory = call["memory"];
  const bool off = call.contains("relative_difference");
  return Row(name, {packing, megabytes(weight_bytes), seconds("seconds"),
                    seconds("processor_seconds"), megabytes(memory["peak_bytes"].get<double>()),
                    megabytes(memory["used_bytes"].get<double>()),
                    off ? Number("%.4f", call["relative_difference"].get<double>()) : ""});
}

std::string RatioRow(const Json& ratios) {
  const auto ratio = [&](const char* key) { return Number("%.2f", ratios[key].get<double>()); };
  return Row("  times less",
             {"", ratio("weight_bytes"), ratio("seconds"), ratio("processor_seconds"),
              ratio("peak_bytes"), ratio("used_bytes")});
}

}  // namespace

Json BenchNetworks(const NetworkBenchSettings& settings, Progress& progress) {
  for (const std::string& name : settings.networks) BuildNetwork(name);  // refuses unknown ones
  Json result = {{"format", "tmpq-bench-networks-1"},
                 {"machine", MachineToJson()},
                 {"networks", Json::array()}};
  for (const std::string& name : settings.networks) {
    result["networks"].push_back(BenchNetwork(name, settings, progress));
  }
  return result;
}

std::string NetworkBenchText(const Json& result) {
  char line[240];
  std::string text;
  for (const Json& network : result["networks"]) {
    std::snprintf(
        line, sizeof(line),
        "%s: %.1f M parameters, %.1f G multiplications a sample; batch %d, %d threads, the "
        "fastest of %d calls\n",
        network["name"].get<std::string>().c_str(), 1e-6 * network["parameters"].get<double>(),
        1e-9 * network["macs"].get<double>(), network["batch"].get<int>(),
        network["threads"].get<int>(), network["calls"].get<int>());
    text += line;
    text += Row("", {"packing s", "weights MB", "call s", "CPU s", "peak MB", "used MB", "off by"});
    text += CallRow("float32", network["float32"], 4 * network["parameters"].get<double>(), {});
    std::vector<std::pair<std::string, Json>> ops;
    for (const IntegerPolicy& policy : kPolicies) {
      const Json& call = network[policy.name];
      text += CallRow(policy.name, call, call["packing"]["plan_bytes"].get<double>(),
                      Number("%.1f", call["packing"]["seconds"]));
      text += RatioRow(call["times_less_than_float32"]);
      ops.emplace_back(policy.name, call["ops"]);
    }
    text += OpTimesText(ops);
  }
  return text;
}

}  // namespace tmpq
