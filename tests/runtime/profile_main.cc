// Where the time of a network call goes: runtime_profile PLAN [BATCH [CALLS [KERNELS]]] prints
// milliseconds of processor time by op, of one thread, on random inputs. For people: nothing is
// asserted.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "src/core/random.h"
#include "src/runtime/network.h"
#include "src/runtime/op_times.h"
#include "src/runtime/plan_file.h"

namespace tmpq {
namespace {

// Random inputs of every kind, the same for each sample.
struct RandomInputs {
  RandomInputs(const Graph& graph, int64_t batch) {
    inputs.batch = batch;
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kInput) continue;
      const int64_t elements = batch * ElementsOf(node.shape);
      floats[node.name].resize(elements);
      FillNormal(1, RandomPurpose::kTest, floats.size(), floats[node.name]);
      if (node.name == "timestep") std::fill_n(floats[node.name].begin(), elements, 500.0f);
      integers[node.name].assign(elements, 1);
      inputs.floats[node.name] = floats[node.name].data();
    }
    for (const Node& node : graph.nodes()) {
      if (node.kind != OpKind::kLabelEmbedding) continue;
      const std::string& name = graph.node(node.inputs[0]).name;
      inputs.floats.erase(name);
      inputs.integers[name] = integers[name].data();
    }
  }

  NetworkInputs inputs;
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<int32_t>> integers;
};

void Profile(const char* path, int64_t batch, int calls, const kernels::KernelSet& kernels) {
  const PlanFile plan(path);
  const Graph& graph = plan.description().graph;
  const RuntimeNetwork network(graph, plan.parameters(), kernels);
  const ActivePolicy policy =
      network.Activate(plan.description().candidate.policy(0), &plan.weights());
  const RandomInputs random(graph, batch);
  Workspace workspace = network.MakeWorkspace(batch);
  std::vector<float> out(batch * ElementsOf(graph.output_shape()));
  std::vector<double> seconds = MakeNodeSeconds(graph), totals;
  network.Run(policy, random.inputs, out.data(), workspace);
  for (int call = 0; call < calls; ++call) {
    const double begin = ThreadSeconds();
    network.Run(policy, random.inputs, out.data(), workspace);
    totals.push_back(1e3 * (ThreadSeconds() - begin));
  }
  workspace.node_seconds = &seconds;
  for (int call = 0; call < calls; ++call) {
    network.Run(policy, random.inputs, out.data(), workspace);
  }
  std::sort(totals.begin(), totals.end());
  std::printf("%s: %s, batch %d: %.3f ms a call (median of %d; least %.3f)\n", path, kernels.name,
              static_cast<int>(batch), totals[calls / 2], calls, totals[0]);
  const std::vector<OpTime> times = TimesByOp(graph, seconds);
  double sum = 0;
  for (const OpTime& time : times) sum += time.seconds;
  for (const OpTime& time : times) {
    std::printf("  %-28s %8.3f ms %5.1f %%\n", time.name.c_str(), 1e3 * time.seconds / calls,
                100 * time.seconds / sum);
  }
}

}  // namespace
}  // namespace tmpq

int main(int argc, char** argv) {
  const tmpq::kernels::KernelSet* set =
      argc > 4 ? tmpq::kernels::FindKernels(argv[4]) : &tmpq::kernels::BestKernels();
  if (argc < 2 || set == nullptr) {
    std::fprintf(stderr, "usage: runtime_profile PLAN [BATCH [CALLS [KERNELS]]]\n");
    return 2;
  }
  tmpq::Profile(argv[1], argc > 2 ? std::atoll(argv[2]) : 8, argc > 3 ? std::atoi(argv[3]) : 20,
                *set);
}
