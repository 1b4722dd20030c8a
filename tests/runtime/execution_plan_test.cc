// Steps of a call: in an order that has everything ready, row by row where that is right, in memory
// that nothing else uses meanwhile; and calls that take their samples a few at a time.
#include "src/runtime/execution_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "src/graph/graph_builder.h"
#include "src/models/class_dit.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/op_cases.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

class ExecutionPlanTest : public testing::TestWithParam<int> {
 protected:
  const Graph graph_ = OpCases()[GetParam()];
  const ExecutionPlan plan_ = PlanExecution(graph_, Fusion::kRows);

  NodeId Owner(NodeId id) const { return plan_.memory.values[id].buffer; }
};

INSTANTIATE_TEST_SUITE_P(Ops, ExecutionPlanTest,
                         testing::Range(0, static_cast<int>(OpCases().size())));

TEST_P(ExecutionPlanTest, RunsEveryNodeOnceAfterWhatItReads) {
  std::set<NodeId> done;
  for (const ExecutionStep& step : plan_.steps) {
    for (const NodeId id : step.nodes) {
      for (const NodeId input : graph_.node(id).inputs) {
        EXPECT_TRUE(Owner(input) < 0 || done.count(Owner(input)) > 0) << graph_.node(id).name;
      }
      EXPECT_TRUE(done.insert(id).second) << graph_.node(id).name;
    }
  }
  for (size_t i = 0; i < graph_.nodes().size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    EXPECT_EQ(done.count(id), Owner(id) == id ? 1u : 0u) << graph_.node(id).name;
  }
}

TEST_P(ExecutionPlanTest, BlocksHoldWhatNoOtherStepReads) {
  std::vector<size_t> step_of(graph_.nodes().size());
  for (size_t i = 0; i < plan_.steps.size(); ++i) {
    for (const NodeId id : plan_.steps[i].nodes) step_of[id] = i;
  }
  for (size_t id = 0; id < graph_.nodes().size(); ++id) {
    for (const NodeId input : graph_.node(static_cast<NodeId>(id)).inputs) {
      const NodeId owner = Owner(input);
      if (owner < 0 || plan_.memory.block_offset[owner] < 0) continue;
      const NodeId reader = Owner(static_cast<NodeId>(id));
      EXPECT_EQ(step_of[owner], step_of[reader]) << graph_.node(input).name;
      EXPECT_EQ(plan_.memory.values[owner].rows, plan_.memory.values[reader].rows);
    }
  }
}

// Of one step: two that live at a time never share a float of a row, but for a function of single
// elements and what it alone reads. What is between two linears lives at one time, as it runs strip
// by strip.
TEST_P(ExecutionPlanTest, LiveValuesOfABlockNeverOverlap) {
  for (const ExecutionStep& step : plan_.steps) {
    std::vector<int> moment;
    for (size_t i = 0; i < step.nodes.size(); ++i) {
      const auto linear = [&](size_t at) {
        return graph_.node(step.nodes[at]).kind == OpKind::kLinear;
      };
      const bool same = i > 0 && !linear(i) && !linear(i - 1);
      moment.push_back(i == 0 ? 0 : moment.back() + (same ? 0 : 1));
    }
    for (size_t a = 0; a < step.nodes.size(); ++a) {
      size_t last = a;
      for (size_t b = a; b < step.nodes.size(); ++b) {
        for (const NodeId input : graph_.node(step.nodes[b]).inputs) {
          if (Owner(input) == step.nodes[a]) last = b;
        }
      }
      const int64_t begin = plan_.memory.block_offset[step.nodes[a]];
      const int64_t end = begin + plan_.memory.values[step.nodes[a]].cols;
      for (size_t b = a + 1; b < step.nodes.size() && begin >= 0; ++b) {
        const int64_t other = plan_.memory.block_offset[step.nodes[b]];
        if (moment[b] > moment[last] || other < 0 || (b == last && other == begin)) continue;
        EXPECT_TRUE(other >= end || other + plan_.memory.values[step.nodes[b]].cols <= begin)
            << graph_.node(step.nodes[a]).name << " and " << graph_.node(step.nodes[b]).name;
      }
    }
  }
}

// Between two attentions all rows of tokens go through one step, whatever else stands between.
TEST(ExecutionPlanOfTransformersTest, HasOneStepBetweenAttentions) {
  ClassDitConfig config;
  config.depth = 3;
  const Graph graph = BuildClassDit(config);
  const ExecutionPlan plan = PlanExecution(graph, Fusion::kRows);
  std::vector<std::string> kinds;
  for (const ExecutionStep& step : plan.steps) {
    if (step.by_rows()) kinds.emplace_back("rows");
    if (graph.node(step.nodes[0]).kind == OpKind::kAttention) kinds.emplace_back("attention");
  }
  EXPECT_THAT(kinds, testing::ElementsAre("rows", "attention", "rows", "attention", "rows",
                                          "attention", "rows"));
  EXPECT_LT(plan.memory.arena_floats_per_sample,
            PlanExecution(graph, Fusion::kNone).memory.arena_floats_per_sample);
}

// What convolutions and group norms alone read of two pictures, or of a small one, nobody makes.
TEST(ExecutionPlanOfUNetsTest, MakesNoPictureThatIsReadInParts) {
  GraphBuilder b("skip");
  const NodeId x = b.Conv2d("x", b.Input("sample", {8, 8, 4}), 4, 1, 1, 0);
  const NodeId small = b.Conv2d("small", x, 64, 3, 2, 1), up = b.Upsample("up", small);
  const NodeId wide = b.Conv2d("wide", up, 12, 3, 1, 1), both = b.Concat("both", {wide, x});
  const NodeId h = b.Conv2d("h", b.GroupNorm("norm", both, 4), 4, 3, 1, 1);
  const Graph graph = b.Finish(b.Add("sum", h, b.Conv2d("short", both, 4, 1, 1, 0)));
  const MemoryPlan whole = PlanExecution(graph, Fusion::kNone).memory;
  for (const Fusion fusion : {Fusion::kParts, Fusion::kRows}) {
    const ExecutionPlan plan = PlanExecution(graph, fusion);
    for (const NodeId id : {up, both}) {
      EXPECT_TRUE(plan.memory.values[id].in_parts);
      EXPECT_FALSE(whole.values[id].in_parts);
      EXPECT_EQ(plan.memory.arena_offset[id], -1);
      for (const ExecutionStep& step : plan.steps) {
        EXPECT_THAT(step.nodes, testing::Not(testing::Contains(id)));
      }
    }
    // The last reader of `both` still finds what it is made of.
    const auto range = [&](NodeId id) {
      const int64_t begin = plan.memory.arena_offset[id];
      return std::pair{begin, begin + ElementsOf(graph.node(id).shape)};
    };
    for (NodeId id = wide + 1; id < graph.output(); ++id) {
      if (plan.memory.arena_offset[id] < 0) continue;
      EXPECT_TRUE(range(id).first >= range(wide).second || range(id).second <= range(wide).first)
          << graph.node(id).name;
    }
    EXPECT_LT(plan.memory.arena_floats_per_sample, whole.arena_floats_per_sample);
  }
}

// Values of 800 KB a sample, and captions that stay.
Graph WideDenoiser() {
  GraphBuilder b("wide");
  const NodeId kv = b.Linear("kv", b.Input("words", {16, 32}), 128, LayerGroup::kCrossAttention);
  NodeId x = b.Linear("in", b.Input("sample", {200, 64}), 512, LayerGroup::kEmbedding);
  x = b.Permute("back", b.Permute("turned", x, {1, 0}), {1, 0});
  x = b.Attention("read", b.Linear("q", x, 64, LayerGroup::kCrossAttention),
                  b.Slice("k", kv, 0, 64), b.Slice("v", kv, 64, 64), 4,
                  LayerGroup::kCrossAttention);
  return b.Finish(b.Linear("out", b.Gelu("gelu", x), 64, LayerGroup::kEmbedding));
}

TEST(SamplesAtOnceTest, ChangeNoByte) {
  constexpr int64_t kBatch = 5;
  const Graph graph = WideDenoiser();
  const auto path = TestPath();
  const std::vector<BitWidth> widths = {BitWidth::Of(4)};
  Progress silent;
  Supernet::Build(graph, RandomParameters(graph), HashString("m"), widths, path, silent);
  const Supernet supernet(path, graph, HashString("m"), widths);
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const ActivePolicy policy =
      network.Activate(UniformPolicy(graph.sites(), widths[0], widths[0]), &supernet.weights());
  const RandomBatch random(graph, kBatch);
  const int64_t elements = ElementsOf(graph.output_shape());
  std::vector<float> expected(kBatch * elements);
  Workspace one = network.MakeWorkspace(1);
  for (int64_t i = 0; i < kBatch; ++i)
    network.Run(policy, random.Inputs(graph, i, 1), expected.data() + i * elements, one);
  for (const bool keep_constants : {false, true}) {
    Workspace workspace = network.MakeWorkspace(kBatch, 1, keep_constants);
    EXPECT_LT(workspace.samples_at_once, kBatch);
    for (const int call : {0, 1}) {  // of the second, the captions' values are there
      std::vector<float> out(expected.size());
      network.Run(policy, random.Inputs(graph, 0, kBatch), out.data(), workspace);
      EXPECT_EQ(out, expected) << "call " << call << ", kept " << keep_constants;
    }
  }
}

}  // namespace
}  // namespace tmpq
