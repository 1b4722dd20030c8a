// What hangs on the conditions alone is computed once a trajectory.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "src/runtime/sampler.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/random_batch.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

constexpr int64_t kBatch = 2;

// Cross-attention to the embeddings of three words: a chain of constants that is partly in place
// and read through views, beside values of the sample and the timestep.
Graph CaptionedDenoiser() {
  GraphBuilder b("captioned");
  const NodeId sample = b.Input("sample", {4, 4, 8}), timestep = b.Input("timestep", {}),
               words = b.Input("words", {3});
  const NodeId t = b.Linear("time", b.TimestepEmbedding("frequencies", timestep, 16), 24);
  NodeId x = b.Add("timed", b.Linear("in", b.Reshape("tokens", sample, {16, 8}), 24), t);
  const NodeId caption =
      b.Gelu("gelu", b.Linear("project", b.LabelEmbedding("table", words, 12, 24), 24));
  const NodeId kv = b.Linear("kv", caption, 48, LayerGroup::kCrossAttention);
  const NodeId read = b.Attention("attention", b.Linear("q", x, 24, LayerGroup::kCrossAttention),
                                  b.Slice("k", kv, 0, 24), b.Slice("v", kv, 24, 24), 3,
                                  LayerGroup::kCrossAttention);
  x = b.Linear("out", b.Silu("silu", b.Add("residual", x, read)), 8, LayerGroup::kEmbedding);
  return b.Finish(b.Reshape("picture", x, {4, 4, 8}));
}

constexpr const char* kVarying[] = {"sample", "timestep"};

TEST(ConstantsTest, AreTheNodesOfConditionsAlone) {
  const Graph graph = CaptionedDenoiser();
  const std::vector<bool> constant = ConstantNodes(graph, kVarying);
  std::set<std::string> names;
  for (size_t id = 0; id < constant.size(); ++id) {
    if (constant[id]) names.insert(graph.node(static_cast<NodeId>(id)).name);
  }
  EXPECT_EQ(names, (std::set<std::string>{"words", "table", "project", "gelu", "kv", "k", "v"}));
  const std::vector<bool> of_nothing = ConstantNodes(SmallClassifier(), {});  // all, so none
  EXPECT_EQ(std::count(of_nothing.begin(), of_nothing.end(), true), 0);
}

TEST(ConstantsTest, KeptOnesHaveMemoryOfTheirOwn) {
  const Graph graph = CaptionedDenoiser();
  const MemoryPlan plan =
      PlanExecution(graph, Fusion::kRows, ConstantNodes(graph, kVarying)).memory;
  for (size_t id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(static_cast<NodeId>(id));
    const bool kept = node.name == "kv";  // the only one that others read
    EXPECT_EQ(plan.kept_offset[id], kept ? 0 : -1) << node.name;
    if (!kept) continue;
    EXPECT_EQ(plan.arena_offset[id], -1);
    EXPECT_EQ(plan.block_offset[id], -1);
    EXPECT_EQ(plan.kept_floats_per_sample, ElementsOf(node.shape));
  }
}

class KeptConstantsTest : public testing::TestWithParam<int> {
 protected:
  KeptConstantsTest() {
    Progress silent;
    Supernet::Build(graph_, RandomParameters(graph_), HashString("m"), widths_, path_, silent);
    supernet_ = std::make_unique<Supernet>(path_, graph_, HashString("m"), widths_);
  }
  ActivePolicy PolicyOf(int bits) const {
    return network_.Activate(UniformPolicy(graph_.sites(), BitWidth::Of(bits), BitWidth::Of(bits)),
                             &supernet_->weights());
  }
  std::vector<float> Run(const ActivePolicy& policy, const NetworkInputs& inputs,
                         Workspace& workspace) const {
    std::vector<float> out(inputs.batch * ElementsOf(graph_.output_shape()));
    network_.Run(policy, inputs, out.data(), workspace);
    return out;
  }
  // By a workspace that keeps nothing.
  std::vector<float> Fresh(const ActivePolicy& policy, const NetworkInputs& inputs) const {
    Workspace workspace = network_.MakeWorkspace(kBatch);
    return Run(policy, inputs, workspace);
  }

  const Graph graph_ = CaptionedDenoiser();
  const std::vector<BitWidth> widths_ = {BitWidth::Of(4), BitWidth::Of(8)};
  const std::filesystem::path path_ = TestPath();
  const RuntimeNetwork network_{graph_, RandomParameters(graph_), kernels::BestKernels()};
  std::unique_ptr<Supernet> supernet_;
};

INSTANTIATE_TEST_SUITE_P(Threads, KeptConstantsTest, testing::Values(1, 2));

TEST_P(KeptConstantsTest, AreLeftOutUntilTheyAreForgotten) {
  const RandomBatch random(graph_, 2 * kBatch);
  const NetworkInputs first = random.Inputs(graph_, 0, kBatch),
                      second = random.Inputs(graph_, kBatch, kBatch);
  NetworkInputs mixed = second;  // the second's samples under the first's captions
  mixed.integers = first.integers;
  const ActivePolicy wide = PolicyOf(8), narrow = PolicyOf(4);
  ASSERT_NE(Fresh(wide, mixed), Fresh(wide, second));
  Workspace workspace = network_.MakeWorkspace(kBatch, GetParam(), /*keep_constants=*/true);
  EXPECT_EQ(Run(wide, first, workspace), Fresh(wide, first));
  EXPECT_EQ(Run(wide, second, workspace), Fresh(wide, mixed));       // captions are not looked at
  EXPECT_EQ(Run(narrow, second, workspace), Fresh(narrow, second));  // other bits: made anew
  EXPECT_EQ(Run(narrow, first, workspace), Fresh(narrow, [&] {
              NetworkInputs inputs = first;
              inputs.integers = second.integers;
              return inputs;
            }()));
  workspace.Forget();
  EXPECT_EQ(Run(narrow, first, workspace), Fresh(narrow, first));
  NetworkInputs one = random.Inputs(graph_, 3, 1);  // another batch size lies elsewhere
  EXPECT_EQ(Run(narrow, one, workspace), Fresh(narrow, one));
}

TEST_P(KeptConstantsTest, ObserversSeeEveryLayerOfEveryCall) {
  const RandomBatch random(graph_, kBatch);
  const NetworkInputs inputs = random.Inputs(graph_, 0, kBatch);
  const ActivePolicy policy = network_.ActivateFloat();
  Workspace workspace = network_.MakeWorkspace(kBatch, GetParam(), /*keep_constants=*/true);
  std::vector<float> out(kBatch * ElementsOf(graph_.output_shape()));
  int seen[2] = {0, 0};
  for (int& count : seen) {
    const LayerObserver observer = [&](NodeId, const float*, int64_t) { ++count; };
    network_.Run(policy, inputs, out.data(), workspace, &observer);
  }
  EXPECT_EQ(seen[0], seen[1]);
}

// Guided or not, with one policy for both branches or two, and other bits at later steps.
TEST_P(KeptConstantsTest, SamplesAreThoseOfCallsThatKeepNothing) {
  ConditionList captions;
  captions.width = 3;
  for (int32_t word = 1; word < 10; ++word) captions.values.push_back(word);
  for (const double guidance : {1.0, 2.5}) {
    for (const bool apart : {false, true}) {
      SamplerSettings settings;
      settings.guidance_scale = guidance;
      const DiffusionSampler sampler(network_, NoiseSchedule::Make("linear", 50), settings);
      SamplingRun run{
          TimestepSequence({49, 30, 20, 5}, 50), {PolicyOf(4), PolicyOf(8)}, {0, 0, 1, 1}};
      if (apart && guidance > 1) run.null_policies = {PolicyOf(8), PolicyOf(4)};
      SamplerOptions options;
      options.batch = 2, options.threads = GetParam();
      const SampleRequest request{4, RandomPurpose::kTest, 0, 5, captions};
      const std::vector<float> samples = sampler.Sample(run, request, options);
      options.network_call.call = [&](const ActivePolicy& policy, const NetworkInputs& inputs,
                                      float* output) {
        Workspace workspace = network_.MakeWorkspace(inputs.batch);
        network_.Run(policy, inputs, output, workspace);
      };
      EXPECT_EQ(sampler.Sample(run, request, options), samples) << guidance << apart;
    }
  }
}

}  // namespace
}  // namespace tmpq
