// Every op on every set of kernels: the bytes of the reference that runs node by node, whatever the
// batch, whatever is fused and however many threads share a call, in float and in integers.
#include <gtest/gtest.h>

#include <set>

#include "src/supernet/supernet.h"
#include "tests/runtime/op_cases.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 5;

std::vector<float> RunNetwork(const kernels::KernelSet& set, const Graph& graph,
                              const Policy* policy, const QuantTable* table,
                              kernels::Storage storage, int64_t batch, int threads,
                              const LayerObserver* observer = nullptr) {
  const RuntimeNetwork network(graph, RandomParameters(graph), set);
  ActivePolicy active =
      policy == nullptr ? network.ActivateFloat() : network.Activate(*policy, table);
  active.storage = storage;
  const RandomBatch inputs(graph, kBatch);
  Workspace workspace = network.MakeWorkspace(batch, threads);
  const int64_t elements = ElementsOf(graph.output_shape());
  std::vector<float> out(kBatch * elements);
  for (int64_t first = 0; first < kBatch; first += batch) {
    const int64_t size = std::min(batch, kBatch - first);
    network.Run(active, inputs.Inputs(graph, first, size), out.data() + first * elements, workspace,
                observer);
  }
  return out;
}

class ConformanceTest : public testing::TestWithParam<int> {
 protected:
  const Graph graph_ = OpCases()[GetParam()];
};

INSTANTIATE_TEST_SUITE_P(Ops, ConformanceTest,
                         testing::Range(0, static_cast<int>(OpCases().size())), OpCaseName);

TEST_P(ConformanceTest, EverySetAndBatchGiveTheReferencesBytes) {
  const auto path = TestPath();
  const std::vector<BitWidth> widths = {BitWidth::Of(3), BitWidth::Of(8)};
  Progress silent;
  Supernet::Build(graph_, RandomParameters(graph_), HashString("m"), widths, path, silent);
  const Supernet supernet(path, graph_, HashString("m"), widths);
  for (const auto& [weight, activation, storage] : kConformancePolicies) {
    const Policy policy =
        UniformPolicy(graph_.sites(), BitWidth::Of(weight), BitWidth::Of(activation));
    const Policy* chosen = weight == 32 ? nullptr : &policy;
    const LayerObserver node_by_node = [](NodeId, const float*, int64_t) {};
    const auto expected = RunNetwork(kernels::ReferenceKernels(), graph_, chosen,
                                     &supernet.weights(), storage, kBatch, 1, &node_by_node);
    for (int i = 0; i < kernels::kKernelSetCount; ++i) {
      const kernels::KernelSet& set = *kernels::AllKernels()[i];
      if (!set.supported()) continue;
      for (const auto& [batch, threads] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 3}, {5, 7}}) {
        EXPECT_EQ(RunNetwork(set, graph_, chosen, &supernet.weights(), storage, batch, threads),
                  expected)
            << set.name << " at W" << weight << "A" << activation << ", storage "
            << static_cast<int>(storage) << ", batch " << batch << ", threads " << threads;
      }
    }
  }
}

TEST_P(ConformanceTest, GraphsSurviveTheirFile) {
  const Graph back = Graph::FromJson(ParseJson(graph_.ToJson().dump(), "test"), "test");
  EXPECT_EQ(back.ToJson(), graph_.ToJson());
  EXPECT_EQ(back.output_shape(), graph_.output_shape());
  EXPECT_EQ(back.parameters(), graph_.parameters());
}

TEST(OpCasesTest, CoverEveryOp) {
  std::set<OpKind> seen;
  for (const Graph& graph : OpCases()) {
    for (const Node& node : graph.nodes()) seen.insert(node.kind);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(OpKind::kFrameWindows) + 1);
}

}  // namespace
}  // namespace tmpq
