#include "bench/latency_bench.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "bench/contest.h"
#include "bench/opened_search.h"
#include "src/quant/recipe.h"
#include "src/runtime/op_times.h"
#include "src/runtime/working_memory.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {
namespace {

constexpr int kPoliciesToCheck = 8;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int64_t Nanoseconds(double seconds) { return std::llround(1e9 * seconds); }

// A step's network calls, which share the batch, on all threads at once.
class TimedStep {
 public:
  TimedStep(const RuntimeNetwork& network, int64_t batch, int threads)
      : network_(network), inputs_(network.graph(), batch), batch_(batch) {
    for (int thread = 0; thread < threads; ++thread) {
      shares_.push_back({network.MakeWorkspace(batch, 1, /*keep_constants=*/true),
                         std::vector<float>(batch * ElementsOf(network.graph().output_shape())),
                         MakeNodeSeconds(network.graph())});
    }
  }

  // Processor time of each node, mean over the threads.
  std::vector<double> Run(const ActivePolicy& policy) {
    const auto threads = static_cast<int>(shares_.size());
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int thread = 0; thread < threads; ++thread) {
      Share& share = shares_[thread];
      std::fill(share.seconds.begin(), share.seconds.end(), 0.0);
      share.workspace.node_seconds = &share.seconds;
      share.workspace.Forget();  // a step's time holds the first one's share too
      network_.Run(policy, inputs_.Inputs(network_.graph(), 0, batch_), share.output.data(),
                   share.workspace);
    }
    std::vector<double> mean(network_.graph().nodes().size());
    for (const Share& share : shares_) {
      for (size_t id = 0; id < mean.size(); ++id) {
        mean[id] += share.seconds[kNodeSecondsCount * id + kWholeNode] / threads;
      }
    }
    return mean;
  }

 private:
  struct Share {
    Workspace workspace;
    std::vector<float> output;
    std::vector<double> seconds;  // op_times.h
  };

  const RuntimeNetwork& network_;
  RandomBatch inputs_;
  int64_t batch_;
  std::vector<Share> shares_;
};

// The uniform policies of every pair of bit-widths, float inputs included, and float.
std::vector<Policy> PoliciesToTime(const SiteTable& sites, const std::vector<int>& bits) {
  std::vector<Policy> policies;
  for (const int weight : bits) {
    for (const int activation : bits) {
      policies.push_back(UniformPolicy(sites, BitWidth::Of(weight), BitWidth::Of(activation)));
    }
    policies.push_back(UniformPolicy(sites, BitWidth::Of(weight), BitWidth::Float()));
  }
  policies.push_back(UniformPolicy(sites, BitWidth::Float(), BitWidth::Float()));
  return policies;
}

// What the nodes of a policy took, repetition by repetition.
using NodeTimes = std::vector<std::vector<double>>;

double MedianOf(const NodeTimes& times, size_t node) {
  std::vector<double> values;
  for (const std::vector<double>& repetition : times) values.push_back(repetition[node]);
  return Median(std::move(values));
}

void AddTimes(const Graph& graph, const Policy& policy, const std::vector<int>& bits,
              const NodeTimes& times, LatencyTable& table) {
  table.other_nanoseconds = 0;
  for (size_t id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(static_cast<NodeId>(id));
    const int64_t nanoseconds = Nanoseconds(MedianOf(times, id));
    if (node.first_site < 0) {
      table.other_nanoseconds += nanoseconds;
      continue;
    }
    auto& widths = table.nanoseconds[graph.sites().sites[node.first_site].name];
    const BitWidth left = policy[node.first_site], right = policy[node.first_site + 1];
    widths[{left.bits(), right.bits()}] = nanoseconds;
    if (node.kind != OpKind::kAttention || left.is_float()) continue;
    // Attention multiplies bytes, whatever its bits.
    for (const int query : bits) {
      for (const int key : bits) widths[{query, key}] = nanoseconds;
    }
  }
}

// Policies to check the table with.
std::vector<Policy> RandomPolicies(const SearchSpace& space) {
  RandomStream random(0, RandomPurpose::kTest);
  std::vector<Policy> policies;
  for (int i = 0; i < kPoliciesToCheck; ++i) policies.push_back(space.Random(random).policy(0));
  return policies;
}

// What the table says of a policy against what its step took.
double RelativeError(const SiteTable& sites, const Policy& policy, const NodeTimes& times) {
  std::vector<double> sums;
  for (const std::vector<double>& nodes : times) {
    sums.push_back(std::accumulate(nodes.begin(), nodes.end(), 0.0));
  }
  const auto one_step = Candidate::Uniform(TimestepSequence({0}, 1), policy);
  return 1e-9 * static_cast<double>(CostsOf(sites, one_step, 1).latency_ns) / Median(sums) - 1;
}

// Times of all policies, in turn, so that a machine that slows down does so for all.
std::vector<NodeTimes> TimePolicies(const SearchBench& bench, const std::vector<Policy>& policies,
                                    TimedStep& step, int repetitions, Progress& progress) {
  std::vector<ActivePolicy> active;
  for (const Policy& policy : policies) {
    active.push_back(bench.sampler().network().Activate(policy, &bench.weights()));
  }
  std::vector<NodeTimes> times(policies.size());
  progress.Begin("timing layers", repetitions, "repetitions");
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    for (size_t i = 0; i < active.size(); ++i) {
      step.Run(active[i]);  // as in sampling, the caches hold what the step before used
      times[i].push_back(step.Run(active[i]));
    }
    progress.Update(repetition + 1);
  }
  progress.End();
  return times;
}

}  // namespace

LatencyTable BenchLatency(const LatencyBenchSettings& given, Progress& progress) {
  LatencyBenchSettings settings = given;
  std::vector<int>& bits = settings.bits;
  bits.insert(bits.end(), {4, 8});  // the baselines'
  std::sort(bits.begin(), bits.end());
  bits.erase(std::unique(bits.begin(), bits.end()), bits.end());
  const OpenedSearch opened(settings.model, FindRecipe(settings.recipe), bits, settings.bundled,
                            settings.batch, progress, settings.kernels);
  const SearchBench& bench = *opened.bench;
  const RuntimeNetwork& network = bench.sampler().network();
  TimedStep step(network, settings.batch * bench.sampler().calls_per_step(), settings.threads);

  std::vector<Policy> policies = PoliciesToTime(bench.sites(), bits);
  const size_t timed = policies.size();
  for (Policy& policy : RandomPolicies(bench.space())) policies.push_back(std::move(policy));
  const std::vector<NodeTimes> times =
      TimePolicies(bench, policies, step, settings.repetitions, progress);

  LatencyTable table;
  table.model_hash = bench.hashes().at("model"), table.recipe_hash = bench.hashes().at("recipe");
  const kernels::KernelSet& set =
      settings.kernels != nullptr ? *settings.kernels : kernels::BestKernels();
  table.device = MachineToJson().value("processor", "") + ", " + set.name;
  table.threads = settings.threads, table.batch = settings.batch;
  table.working_bytes = WorkingBytes(network, settings.batch, settings.threads);
  for (size_t i = 0; i < timed; ++i) AddTimes(network.graph(), policies[i], bits, times[i], table);
  const SiteTable sites = WithLatency(bench.sites(), table, "latency table");
  std::vector<double> errors;
  for (size_t i = timed; i < policies.size(); ++i) {
    errors.push_back(std::abs(RelativeError(sites, policies[i], times[i])));
  }
  table.check = {{"policies", kPoliciesToCheck},
                 {"median_relative_error", Median(errors)},
                 {"greatest_relative_error", *std::max_element(errors.begin(), errors.end())}};
  return table;
}

std::string LatencyBenchText(const LatencyTable& table) {
  std::map<std::pair<int, int>, int64_t> sums;
  for (const auto& [site, widths] : table.nanoseconds) {
    for (const auto& [bits, nanoseconds] : widths) sums[bits] += nanoseconds;
  }
  char line[512];
  std::string text = "a sampling step of " + std::to_string(table.batch) + " samples on each of " +
                     std::to_string(table.threads) + " threads, " + table.device + "\n";
  for (const auto& [bits, sum] : sums) {
    std::snprintf(
        line, sizeof(line), "layers, %-22s %9.3f ms\n",
        bits.first == BitWidth::kFloatBits
            ? "float"
            : ("W" + std::to_string(bits.first) + "A" + std::to_string(bits.second)).c_str(),
        1e-6 * static_cast<double>(sum));
    text += line;
  }
  std::snprintf(
      line, sizeof(line),
      "all else                       %9.3f ms\nactivations and scratch        %9.3f MB\n"
      "predicted against measured, %d random policies: off by %.1f %% (median), %.1f %% at "
      "most\n",
      1e-6 * static_cast<double>(table.other_nanoseconds),
      1e-6 * static_cast<double>(table.working_bytes), table.check["policies"].get<int>(),
      100 * table.check["median_relative_error"].get<double>(),
      100 * table.check["greatest_relative_error"].get<double>());
  return text + line;
}

}  // namespace tmpq
