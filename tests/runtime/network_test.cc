#include "src/runtime/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "src/core/error.h"
#include "src/runtime/sampler.h"
#include "src/supernet/supernet.h"
#include "tests/runtime/small_model.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

std::vector<BitWidth> AllWidths() {
  std::vector<BitWidth> widths;
  for (int bits = 2; bits <= 8; ++bits) widths.push_back(BitWidth::Of(bits));
  return widths;
}

class NetworkTest : public testing::Test {
 protected:
  NetworkTest() : graph_(SmallDenoiser()), parameters_(RandomParameters(graph_)) {
    path_ = TestPath(".safetensors");
    Progress silent;
    Supernet::Build(graph_, parameters_, HashString("model"), AllWidths(), path_, silent);
    supernet_ = std::make_unique<Supernet>(path_, graph_, HashString("model"), AllWidths());
  }

  // A policy that gives every site another width; softmax 8 or 16.
  Policy MixedPolicy() const {
    Policy policy;
    int turn = 0;
    for (const QuantSite& site : graph_.sites().sites) {
      policy.push_back(BitWidth::Of(site.kind == SiteKind::kSoftmax ? 16 : 2 + turn++ % 7));
    }
    return policy;
  }
  // Float in attention and in one linear, integers elsewhere.
  Policy PartlyFloatPolicy() const {
    Policy policy = UniformPolicy(graph_.sites(), BitWidth::Of(5), BitWidth::Of(6));
    for (size_t s = 0; s < policy.size(); ++s) {
      const std::string& layer = graph_.sites().sites[s].layer;
      if (layer == "attention" || layer == "fc1") policy[s] = BitWidth::Float();
    }
    return policy;
  }
  DiffusionSampler Sampler(const RuntimeNetwork& network) const {
    SamplerSettings settings;
    settings.method = method_;
    settings.prediction = Prediction::kV;
    settings.guidance_scale = 1.5;
    return {network, NoiseSchedule::Make("cosine", 50), settings};
  }
  std::vector<float> Sample(const kernels::KernelSet& kernels, const Candidate& candidate,
                            int64_t count, const SamplerOptions& options = {},
                            int64_t first = 0) const {
    const RuntimeNetwork network(graph_, parameters_, kernels);
    const DiffusionSampler sampler = Sampler(network);
    return sampler.Sample(sampler.Prepare(candidate, &supernet_->weights()),
                          {3, RandomPurpose::kTest, first, count, sampler.AllLabels()}, options);
  }
  Candidate MixedCandidate() const {
    return Candidate::Make(TimestepSequence({49, 30, 11, 2}, 50),
                           {MixedPolicy(), PartlyFloatPolicy(), MixedPolicy(),
                            UniformPolicy(graph_.sites(), BitWidth::Float(), BitWidth::Float())});
  }

  Graph graph_;
  ParameterSet parameters_;
  std::string path_;
  std::unique_ptr<Supernet> supernet_;
  std::string method_ = "ddim";
};

TEST_F(NetworkTest, EverySetOfKernelsGivesTheSameBytes) {
  const auto expected = Sample(kernels::ReferenceKernels(), MixedCandidate(), 6);
  for (int i = 0; i < kernels::kKernelSetCount; ++i) {
    const kernels::KernelSet& set = *kernels::AllKernels()[i];
    if (!set.supported()) continue;
    EXPECT_EQ(Sample(set, MixedCandidate(), 6), expected) << set.name;
  }
}

TEST_F(NetworkTest, BatchAndThreadsDoNotMatter) {
  SamplerOptions options;
  options.batch = 1;
  options.threads = 1;
  const auto expected = Sample(kernels::BestKernels(), MixedCandidate(), 11, options);
  for (const int64_t batch : {2, 3, 16}) {
    for (const int threads : {1, 2, 4}) {
      options.batch = batch;
      options.threads = threads;
      EXPECT_EQ(Sample(kernels::BestKernels(), MixedCandidate(), 11, options), expected)
          << batch << " " << threads;
    }
  }
  // Sample i is the same whichever samples are asked for with it.
  const auto tail = Sample(kernels::BestKernels(), MixedCandidate(), 5, options, 6);
  EXPECT_EQ(std::vector<float>(expected.begin() + 6 * 64, expected.end()), tail);
}

// Rules with memory and noise of their own, too.
TEST_F(NetworkTest, EverySamplerGivesTheSameBytesForAnyBatch) {
  std::set<std::vector<float>> seen;
  for (const char* method : {"ddim", "ddpm", "plms", "dpmpp-2m", "dpmpp-2s", "unipc"}) {
    method_ = method;
    SamplerOptions options;
    options.batch = 1, options.threads = 1;
    const auto expected = Sample(kernels::ReferenceKernels(), MixedCandidate(), 7, options);
    EXPECT_TRUE(seen.insert(expected).second) << method;
    options.batch = 3, options.threads = 2;
    EXPECT_EQ(Sample(kernels::BestKernels(), MixedCandidate(), 7, options), expected) << method;
    const auto tail = Sample(kernels::BestKernels(), MixedCandidate(), 3, options, 4);
    EXPECT_EQ(std::vector<float>(expected.begin() + 4 * 64, expected.end()), tail) << method;
  }
}

TEST_F(NetworkTest, EightBitsAreNearFloatAndTwoAreNot) {
  const auto error = [&](int bits) {
    const TimestepSequence steps({49, 30, 11, 2}, 50);
    const auto exact =
        Sample(kernels::BestKernels(),
               Candidate::Uniform(
                   steps, UniformPolicy(graph_.sites(), BitWidth::Float(), BitWidth::Float())),
               8);
    const auto rounded =
        Sample(kernels::BestKernels(),
               Candidate::Uniform(
                   steps, UniformPolicy(graph_.sites(), BitWidth::Of(bits), BitWidth::Of(bits))),
               8);
    double sum = 0, power = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      sum += (exact[i] - rounded[i]) * (exact[i] - rounded[i]);
      power += exact[i] * exact[i];
    }
    return sum / power;
  };
  const double eight = error(8), four = error(4), two = error(2);
  EXPECT_LT(eight, 1e-3);
  EXPECT_LT(eight, four / 10);
  EXPECT_LT(four, two);
}

TEST_F(NetworkTest, EveryStepRunsItsOwnPolicy) {
  std::vector<std::array<int, 3>> calls;
  SamplerOptions options;
  options.batch = 16;
  options.threads = 1;
  options.spy = [&](int step, int timestep, int policy) {
    calls.push_back({step, timestep, policy});
  };
  Sample(kernels::BestKernels(), MixedCandidate(), 4, options);
  const std::vector<std::array<int, 3>> expected = {{0, 49, 0}, {1, 30, 1}, {2, 11, 0}, {3, 2, 2}};
  EXPECT_EQ(calls, expected);
}

// The course of the samples ends in the samples, and does not depend on the batch.
TEST_F(NetworkTest, TrajectoriesHoldEveryStep) {
  const auto course = [&](int batch, int threads, std::vector<float>* last) {
    std::vector<float> trajectory;
    SamplerOptions options;
    options.batch = batch, options.threads = threads, options.trajectory = &trajectory;
    *last = Sample(kernels::BestKernels(), MixedCandidate(), 6, options);
    return trajectory;
  };
  std::vector<float> samples, others;
  const std::vector<float> trajectory = course(16, 1, &samples);
  ASSERT_EQ(trajectory.size(), 4 * samples.size());
  EXPECT_TRUE(std::equal(samples.begin(), samples.end(), trajectory.end() - samples.size()));
  EXPECT_FALSE(std::equal(samples.begin(), samples.end(), trajectory.begin()));
  EXPECT_EQ(course(2, 3, &others) == trajectory, true);
  EXPECT_EQ(others == samples, true);
}

TEST_F(NetworkTest, PoliciesThatHaveNoKernelsAreRefused) {
  const RuntimeNetwork network(graph_, parameters_, kernels::BestKernels());
  Policy half_float = UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(4));
  half_float[0] = BitWidth::Float();
  EXPECT_THROW(network.Activate(half_float, &supernet_->weights()), Error);
  Policy half_attention = UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(4));
  for (size_t s = 0; s < half_attention.size(); ++s) {
    if (graph_.sites().sites[s].kind == SiteKind::kKey) half_attention[s] = BitWidth::Float();
  }
  EXPECT_THROW(network.Activate(half_attention, &supernet_->weights()), Error);
  EXPECT_THROW(
      network.Activate(UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(4)), nullptr),
      Error);
  EXPECT_THROW(network.Activate(UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(16)),
                                &supernet_->weights()),
               Error);
  EXPECT_NO_THROW(network.Activate(MixedPolicy(), &supernet_->weights()));
}

TEST_F(NetworkTest, FloatNeedsFloatWeights) {
  ParameterSet without = RandomParameters(graph_);
  ParameterSet stripped;
  for (const auto& [name, values] : without.values()) {
    if (name != "fc1.weight") stripped.Set(name, values);
  }
  const RuntimeNetwork network(graph_, stripped, kernels::BestKernels());
  EXPECT_THROW(network.ActivateFloat(), Error);
  EXPECT_NO_THROW(network.Activate(UniformPolicy(graph_.sites(), BitWidth::Of(4), BitWidth::Of(4)),
                                   &supernet_->weights()));
}

TEST_F(NetworkTest, ConvolutionsPoolsAndCopiedSlicesAgreeAcrossSets) {
  const Graph graph = SmallClassifier();
  const ParameterSet parameters = RandomParameters(graph, 4);
  std::vector<float> images(5 * 64), expected(5 * 3), actual(5 * 3);
  FillNormal(9, RandomPurpose::kTest, 0, images);
  const auto run = [&](const kernels::KernelSet& set, int64_t batch, float* out) {
    const RuntimeNetwork network(graph, parameters, set);
    Workspace workspace = network.MakeWorkspace(batch);
    for (int64_t i = 0; i < 5; i += batch) {
      const int64_t size = std::min<int64_t>(batch, 5 - i);
      network.Run(network.ActivateFloat(), {size, {{"sample", images.data() + i * 64}}, {}},
                  out + i * 3, workspace);
    }
  };
  run(kernels::ReferenceKernels(), 1, expected.data());
  run(kernels::BestKernels(), 4, actual.data());
  EXPECT_EQ(expected, actual);
  EXPECT_NE(expected[0], expected[3]);
}

// Calls that more threads than samples share; a call of fewer rows than those of a tile, of odd
// numbers of outputs, and of more rows than are quantized at a time.
TEST(SharedCallTest, AnyNumberOfThreadsGivesTheSameBytes) {
  GraphBuilder b("wide");
  const NodeId sample = b.Input("sample", {1, 1100, 24});
  const NodeId t =
      b.Linear("time", b.TimestepEmbedding("frequencies", b.Input("timestep", {}), 64), 1000);
  NodeId x = b.Linear("in", b.Reshape("tokens", sample, {1100, 24}), 40);
  x = b.Add("timed", b.Linear("up", x, 1000), t);
  const Graph graph = b.Finish(b.Reshape("picture", b.Linear("down", x, 24), {1, 1100, 24}));
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  EXPECT_EQ(network.UsefulThreads(1, 7), 2);
  EXPECT_EQ(network.UsefulThreads(7, 7), 7);
  const TimestepSequence steps({49, 20}, 50);
  const DiffusionSampler sampler(network, NoiseSchedule::Make("linear", 50), {});
  const auto sample_with = [&](int threads, int64_t count) {
    SamplerOptions options;
    options.threads = threads;
    return sampler.Sample(sampler.PrepareFloat(steps), {3, RandomPurpose::kTest, 0, count, {}},
                          options);
  };
  for (const int64_t count : {1, 2, 3}) {
    const std::vector<float> expected = sample_with(1, count);
    for (const int threads : {2, 3, 7}) {
      EXPECT_EQ(sample_with(threads, count), expected) << count << " samples, " << threads;
    }
  }
}

// A denoiser that is conditioned on floats, with a learned variance in its output's second half.
Graph FloatConditioned() {
  GraphBuilder b("float-conditioned");
  const NodeId sample = b.Input("sample", {4, 4, 2});
  const NodeId t =
      b.Linear("time", b.TimestepEmbedding("frequencies", b.Input("timestep", {}), 8), 6);
  const NodeId text = b.Linear("project", b.Input("text", {3, 5}), 6);
  NodeId x = b.Linear("in", b.Reshape("tokens", sample, {16, 2}), 6);
  x = b.Attention("cross", b.Add("timed", x, t), text, text, 2, LayerGroup::kCrossAttention);
  return b.Finish(b.Reshape("picture", b.Linear("out", x, 4), {4, 4, 4}));
}

TEST(SamplerTest, FloatConditionsAndLearnedVariances) {
  const Graph graph = FloatConditioned();
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const TimestepSequence steps({49, 20, 0}, 50);
  SampleRequest request{3, RandomPurpose::kTest, 0, 5, {}};
  ConditionTensor& text = request.conditions.tensors["text"];
  text.values.resize(2 * 15), text.null_value.resize(15);
  FillNormal(1, RandomPurpose::kTest, 100, text.values);
  FillNormal(1, RandomPurpose::kTest, 101, text.null_value);
  const auto sample = [&](SamplerSettings settings, int64_t batch) {
    settings.prediction = Prediction::kEpsilon;
    const DiffusionSampler sampler(network, NoiseSchedule::Make("linear", 50), settings);
    SamplerOptions options;
    options.batch = batch, options.threads = 1;
    return sampler.Sample(sampler.PrepareFloat(steps), request, options);
  };
  SamplerSettings plain;
  const auto ddim = sample(plain, 5);
  EXPECT_EQ(ddim, sample(plain, 2));
  SamplerSettings guided = plain;
  guided.guidance_scale = 2;
  EXPECT_NE(ddim, sample(guided, 5));
  guided.guidance_scale = 0;  // the null condition alone: samples 0 and 2 differ in noise only
  const auto unconditional = sample(guided, 5);
  request.conditions.tensors["text"].values = {text.null_value.begin(), text.null_value.end()};
  EXPECT_EQ(unconditional, sample(plain, 5));
  // DDPM with a learned variance differs from the fixed one, and is the same for any batch.
  SamplerSettings ddpm = plain;
  ddpm.method = "ddpm";
  const auto fixed = sample(ddpm, 5);
  ddpm.learned_variance = true;
  const auto learned = sample(ddpm, 5);
  EXPECT_NE(fixed, learned);
  EXPECT_EQ(learned, sample(ddpm, 3));
}

TEST(SamplerTest, WrongConditionsAreNamed) {
  const Graph graph = FloatConditioned();
  const RuntimeNetwork network(graph, RandomParameters(graph), kernels::BestKernels());
  const DiffusionSampler sampler(network, NoiseSchedule::Make("linear", 50), {});
  const auto message = [&](const ConditionList& conditions) {
    try {
      sampler.CheckConditions(conditions);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  ConditionList conditions;
  conditions.tensors["other"] = {std::vector<float>(15), std::vector<float>(15)};
  EXPECT_THAT(message(conditions), testing::HasSubstr("lack the network's input text"));
  conditions.tensors = {{"text", {std::vector<float>(30), std::vector<float>(14)}}};
  EXPECT_THAT(message(conditions), testing::HasSubstr("rows of 15"));
  conditions.tensors = {{"text", {std::vector<float>(30), std::vector<float>(15)}}};
  EXPECT_EQ(message(conditions), "");
  SamplerSettings learned;
  learned.learned_variance = true;
  const Graph small = SmallDenoiser();
  const RuntimeNetwork without(small, RandomParameters(small), kernels::BestKernels());
  EXPECT_THROW(DiffusionSampler(without, NoiseSchedule::Make("linear", 50), learned), Error);
}

TEST_F(NetworkTest, GuidanceFollowsTheTimestep) {
  const RuntimeNetwork network(graph_, parameters_, kernels::BestKernels());
  const TimestepSequence steps({49, 20, 3}, 50);
  const auto sample = [&](const SamplerSettings& settings) {
    const DiffusionSampler sampler(network, NoiseSchedule::Make("cosine", 50), settings);
    return sampler.Sample(sampler.PrepareFloat(steps),
                          {1, RandomPurpose::kTest, 0, 3, sampler.AllLabels()}, {});
  };
  SamplerSettings everywhere, by_range, part;
  everywhere.guidance_scale = 3;
  by_range.guidance_ranges = {{0, 50, 3.0}};
  part.guidance_ranges = {{10, 30, 3.0}};
  EXPECT_EQ(sample(everywhere), sample(by_range));
  EXPECT_NE(sample(part), sample(everywhere));
  EXPECT_NE(sample(part), sample({}));
}

TEST_F(NetworkTest, InterruptionStopsSampling) {
  std::atomic<bool> interrupted = true;
  SamplerOptions options;
  options.interrupted = &interrupted;
  EXPECT_THROW(Sample(kernels::BestKernels(), MixedCandidate(), 4, options), Error);
}

// Functions of single elements are written over what only they read.
TEST(MemoryPlanTest, LiveBuffersNeverOverlapButInPlace) {
  std::set<std::string> in_place;
  for (const Graph& graph : {SmallDenoiser(), SmallClassifier()}) {
    const MemoryPlan plan = PlanExecution(graph, Fusion::kNone).memory;
    const auto count = static_cast<NodeId>(graph.nodes().size());
    // A buffer lives from its node to the last reader of anything that views it.
    std::vector<NodeId> end(count, -1);
    for (NodeId id = 0; id < count; ++id) {
      for (const NodeId input : graph.node(id).inputs) {
        if (plan.values[input].buffer >= 0) end[plan.values[input].buffer] = id;
      }
    }
    for (NodeId a = 0; a < count; ++a) {
      for (NodeId b = a + 1; b < count; ++b) {
        if (plan.arena_offset[a] < 0 || plan.arena_offset[b] < 0 || end[a] < b) continue;
        const OpKind kind = graph.node(b).kind;
        if ((kind == OpKind::kSilu || kind == OpKind::kGelu) && graph.node(b).inputs[0] == a &&
            plan.arena_offset[a] == plan.arena_offset[b] && end[a] == b) {
          in_place.insert(graph.node(b).name);
          continue;
        }
        const int64_t a_end = plan.arena_offset[a] + ElementsOf(graph.node(a).shape);
        const int64_t b_end = plan.arena_offset[b] + ElementsOf(graph.node(b).shape);
        EXPECT_TRUE(a_end <= plan.arena_offset[b] || b_end <= plan.arena_offset[a])
            << graph.node(a).name << " and " << graph.node(b).name;
      }
    }
    EXPECT_LT(plan.arena_floats_per_sample, [&] {
      int64_t all = 0;
      for (const Node& node : graph.nodes()) all += ElementsOf(node.shape);
      return all;
    }());
  }
  EXPECT_THAT(in_place, testing::UnorderedElementsAre("condition", "gelu", "silu", "half_silu",
                                                      "features_silu"));
}

}  // namespace
}  // namespace tmpq
