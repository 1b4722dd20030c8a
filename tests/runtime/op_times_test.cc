// The hook of times by op: it changes no byte, and every node's time is of one kind.
#include "src/runtime/op_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "src/graph/graph_builder.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/random_batch.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 2;

class OpTimesTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = TestPath();
    Progress silent;
    const std::vector<BitWidth> widths = {BitWidth::Of(8)};
    Supernet::Build(graph_, parameters_, HashString("small"), widths, path_, silent);
    supernet_ = std::make_unique<Supernet>(path_, graph_, HashString("small"), widths);
  }

  std::vector<float> Run(std::vector<double>* node_seconds) const {
    const RuntimeNetwork network(graph_, parameters_, kernels::BestKernels());
    const ActivePolicy policy = network.Activate(
        UniformPolicy(graph_.sites(), BitWidth::Of(8), BitWidth::Of(8)), &supernet_->weights());
    Workspace workspace = network.MakeWorkspace(kBatch);
    workspace.node_seconds = node_seconds;
    const RandomBatch inputs(graph_, kBatch);
    std::vector<float> out(kBatch * ElementsOf(graph_.output_shape()));
    network.Run(policy, inputs.Inputs(graph_, 0, kBatch), out.data(), workspace);
    return out;
  }

  const Graph graph_ = SmallDenoiser();
  const ParameterSet parameters_ = RandomParameters(graph_);
  std::filesystem::path path_;
  std::unique_ptr<Supernet> supernet_;
};

TEST_F(OpTimesTest, TimingChangesNoByte) {
  std::vector<double> seconds = MakeNodeSeconds(graph_);
  EXPECT_EQ(Run(&seconds), Run(nullptr));
}

TEST_F(OpTimesTest, NodesThatRunTakeTimeAndLinearsQuantizeTheirInputs) {
  std::vector<double> seconds = MakeNodeSeconds(graph_);
  Run(&seconds);
  for (size_t id = 0; id < graph_.nodes().size(); ++id) {
    const Node& node = graph_.node(static_cast<NodeId>(id));
    const double* of_node = seconds.data() + kNodeSecondsCount * id;
    EXPECT_GE(of_node[kWholeNode], of_node[kNodeInputs]) << node.name;
    const bool quantizes = node.kind == OpKind::kLinear && node.first_site >= 0;
    EXPECT_EQ(of_node[kNodeInputs] > 0, quantizes) << node.name;
  }
}

TEST(TimesByOpTest, SumsKindsAndTellsInputsFromProducts) {
  GraphBuilder b("kinds");
  NodeId x = b.Linear("first", b.Input("sample", {3, 4}), 4, LayerGroup::kEmbedding);
  x = b.Gelu("gelu", x);
  const Graph graph = b.Finish(b.Linear("second", x, 4, LayerGroup::kEmbedding));
  ASSERT_EQ(graph.nodes().size(), 4u);
  // Whole nodes and inputs of: sample, first, gelu, second.
  const std::vector<OpTime> times = TimesByOp(graph, {0, 0, 5, 1, 2.5, 0, 7, 3});
  std::vector<std::pair<std::string, double>> found;
  for (const OpTime& time : times) {
    found.emplace_back(time.name, time.seconds);
    EXPECT_EQ(time.product, time.name == "linear");
  }
  EXPECT_THAT(found, testing::ElementsAre(testing::Pair("linear", 8),
                                          testing::Pair("quantization and rotation", 4),
                                          testing::Pair("activation function", 2.5)));
}

}  // namespace
}  // namespace tmpq
