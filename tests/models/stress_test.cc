#include "src/models/stress.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "src/core/error.h"
#include "src/models/class_dit.h"
#include "src/models/text_dit.h"
#include "src/models/unet.h"
#include "tests/runtime/op_cases.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kBatch = 2;

struct Subject {
  Graph graph;
  ParameterSet parameters;
};

Subject Bundled(const std::string& name) {
  ModelFile model = ModelFile::Load(FindModel(name, fs::path(TMPQ_SOURCE_DIR) / "checkpoints"));
  return {std::move(model.graph), std::move(model.parameters)};
}

Subject Random(const Graph& graph) { return {graph, RandomParameters(graph)}; }

Graph SmallStdit() {
  TextDitConfig config;
  config.frames = 3;
  config.image_height = config.image_width = 8;
  config.width = 24, config.depth = 2, config.heads = 3, config.frequency_features = 16;
  config.caption_tokens = 4, config.caption_features = 12, config.vocabulary = 9;
  return BuildTextDit(config);
}

Graph SmallClassDit() {
  ClassDitConfig config;
  config.image_height = config.image_width = 8;
  config.width = 24, config.depth = 2, config.heads = 3, config.classes = 3;
  return BuildClassDit(config);
}

// Of every way that adaLN is built.
std::vector<Subject> Subjects() {
  return {Bundled("fashion-dit"), Bundled("scenes-pixart"), Random(SmallStdit()),
          Random(SmallClassDit()), Random(SmallDenoiser())};
}

std::vector<float> OutputOf(const Graph& graph, const ParameterSet& parameters) {
  const RandomBatch inputs(graph, kBatch);
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Workspace workspace = network.MakeWorkspace(kBatch);
  std::vector<float> out(kBatch * ElementsOf(graph.output_shape()));
  network.Run(network.ActivateFloat(), inputs.Inputs(graph, 0, kBatch), out.data(), workspace);
  return out;
}

double RelativeError(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, power = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    power += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / power);
}

// How much the output moves, relatively, when every parameter moves by a relative `change` up or
// down.
double ResponseTo(double change, const Subject& subject, const std::vector<float>& output) {
  ParameterSet moved = subject.parameters;
  RandomStream random(5, RandomPurpose::kTest);
  for (const auto& [name, shape] : subject.graph.parameters()) {
    for (float& value : moved.Mutable(name)) {
      value *= static_cast<float>(1 + (random.Chance(0.5) ? change : -change));
    }
  }
  return RelativeError(OutputOf(subject.graph, moved), output);
}

// The rescale itself rounds 1 + scale at most six times anew, each by u = 2^-24: in the entry of
// the table, in its sum with the linear, in 1 + scale, before and after. What differs by a rounding
// is rounded differently by all that follows, which is what moving all parameters by u measures; in
// a linear response, 8 u moves the output 8 u / change times as far as `change` does.
TEST(StressTest, KeepsTheFloatOutput) {
  constexpr double kRounding = 0x1p-24, kChange = 0x1p-12;
  for (const Subject& subject : Subjects()) {
    const std::vector<float> before = OutputOf(subject.graph, subject.parameters);
    Subject stressed = subject;
    InjectOutliers(stressed.graph, stressed.parameters, {});
    EXPECT_NE(stressed.parameters.values(), subject.parameters.values());
    const double error = RelativeError(OutputOf(stressed.graph, stressed.parameters), before);
    const double tolerance = 8 * kRounding / kChange * ResponseTo(kChange, subject, before);
    RecordProperty(subject.graph.name(), std::to_string(error / tolerance));
    EXPECT_LT(error, tolerance) << subject.graph.name();
    std::printf("%-10s relative error %.2g, tolerance %.2g\n", subject.graph.name().c_str(), error,
                tolerance);
  }
}

// Largest over mean absolute value of a token, mean over tokens.
double Incoherence(const Subject& subject, const std::string& node) {
  const Graph graph = subject.graph.CutAfter(node);
  const std::vector<float> values = OutputOf(graph, subject.parameters);
  const int64_t width = graph.output_shape().back();
  double sum = 0;
  for (size_t begin = 0; begin < values.size(); begin += width) {
    double most = 0, total = 0;
    for (int64_t i = 0; i < width; ++i) {
      const double value = std::fabs(values[begin + i]);
      most = std::max(most, value), total += value;
    }
    sum += most / (total / static_cast<double>(width));
  }
  return sum / (static_cast<double>(values.size()) / static_cast<double>(width));
}

TEST(StressTest, RaisesTheIncoherenceOfWhatLinearsRead) {
  for (const Subject& subject : Subjects()) {
    Subject stressed = subject;
    double least = INFINITY;
    for (const auto& [node, channels] : InjectOutliers(stressed.graph, stressed.parameters, {})) {
      EXPECT_EQ(channels.size(), 3u);
      const double ratio = Incoherence(stressed, node) / Incoherence(subject, node);
      EXPECT_GT(ratio, 1.1) << subject.graph.name() << ": " << node;
      least = std::min(least, ratio);
    }
    std::printf("%-10s incoherence grows at least %.2f times\n", subject.graph.name().c_str(),
                least);
  }
}

// Every layer that reads modulated or attended values is reached, and blocks that share a
// modulation share channels.
TEST(StressTest, ReachesEveryBlock) {
  const auto nodes_of = [](const Graph& graph) {
    ParameterSet parameters = RandomParameters(graph);
    std::map<std::string, std::vector<int64_t>> nodes;
    for (const auto& [node, channels] : InjectOutliers(graph, parameters, {})) {
      nodes[node] = channels;
    }
    return nodes;
  };
  const auto stdit = nodes_of(SmallStdit());
  EXPECT_EQ(stdit.size(), 2u * 5);  // a block: 2 modulations, 3 attentions
  EXPECT_EQ(stdit.at("transformer_blocks.0.modulate1"), stdit.at("transformer_blocks.1.modulate1"));
  EXPECT_NE(stdit.at("transformer_blocks.0.modulate1"), stdit.at("transformer_blocks.0.modulate2"));
  EXPECT_EQ(nodes_of(SmallClassDit()).size(), 2u * 3 + 1);  // and the modulation of the end
  EXPECT_EQ(nodes_of(SmallDenoiser()).size(), 2u);
}

TEST(StressTest, LeavesAloneWhatOthersRead) {
  const auto refused = [](auto build) {
    GraphBuilder b("g");
    const NodeId x = b.Input("sample", {5, 8}), side = b.Linear("side", b.MeanPool("pool", x), 24);
    const Graph graph = b.Finish(build(b, x, side));
    ParameterSet parameters = RandomParameters(graph);
    const auto before = parameters.values();
    try {
      InjectOutliers(graph, parameters, {});
      ADD_FAILURE() << "was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    }
    EXPECT_EQ(parameters.values(), before);
  };
  const auto modulate = [](GraphBuilder& b, NodeId x, NodeId side, int64_t scale_offset) {
    return b.Modulate("modulate", x, b.Slice("shift", side, 0, 8),
                      b.Slice("scale", side, scale_offset, 8));
  };
  refused([&](GraphBuilder& b, NodeId x, NodeId side) {  // the modulated tensor
    const NodeId h = modulate(b, x, side, 8);
    return b.Add("sum", b.Linear("fc", h, 8), h);
  });
  refused([&](GraphBuilder& b, NodeId x, NodeId side) { return modulate(b, x, side, 8); });
  refused([&](GraphBuilder& b, NodeId x, NodeId side) {  // the shift, as a gate
    const NodeId h = b.Linear("fc", modulate(b, x, side, 8), 8);
    return b.GatedAdd("gated", x, b.Slice("gate", side, 0, 8), h);
  });
  refused([&](GraphBuilder& b, NodeId x, NodeId side) {  // part of the scale
    const NodeId h = b.Linear("fc", modulate(b, x, side, 8), 8);
    return b.GatedAdd("gated", x, b.Slice("gate", side, 12, 8), h);
  });
  refused([&](GraphBuilder& b, NodeId x, NodeId side) {  // shift and scale are one
    return b.Linear("fc", modulate(b, x, side, 0), 8);
  });
}

TEST(StressTest, VariantsAreLabelledAndRefusedTwice) {
  ModelFile model;
  model.name = "small";
  model.graph = SmallDenoiser();
  model.parameters = RandomParameters(model.graph);
  model.training = {{"data", "none"}};
  const ModelFile variant = StressVariant(model, {.factor = 8, .channels = 2, .seed = 4});
  EXPECT_EQ(variant.name, "small-stress");
  EXPECT_NE(variant.hash, model.hash);
  EXPECT_EQ(variant.graph.hash(), model.graph.hash());
  EXPECT_EQ(variant.training["data"], "none");
  const Json& stress = variant.training["stress"];
  EXPECT_EQ(stress["model"], "small");
  EXPECT_EQ(stress["factor"], 8);
  ASSERT_EQ(stress["outliers"].size(), 2u);
  EXPECT_EQ(stress["outliers"][0]["node"], "modulate");
  EXPECT_EQ(stress["outliers"][0]["channels"].size(), 2u);
  EXPECT_EQ(StressVariant(model, {.factor = 8, .channels = 2, .seed = 4}).parameters.values(),
            variant.parameters.values());
  EXPECT_NE(StressVariant(model, {.factor = 8, .channels = 2, .seed = 5}).parameters.values(),
            variant.parameters.values());

  const auto code_of = [](auto act) {
    try {
      act();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kIo;
  };
  EXPECT_EQ(code_of([&] { StressVariant(variant); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { StressVariant(model, {.factor = 0.5}); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { StressVariant(model, {.channels = 25}); }), ErrorCode::kUsage);
  model.graph = BuildUnet({});
  model.parameters = RandomParameters(model.graph);
  EXPECT_EQ(code_of([&] { StressVariant(model); }), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace tmpq
