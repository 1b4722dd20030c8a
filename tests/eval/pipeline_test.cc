// Whole pipelines, from prompts to images, make what diffusers makes of the same folder and start
// (tests/fixtures/make_pipeline.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/eval/models/pipeline_model.h"
#include "src/models/checkpoint.h"
#include "src/runtime/network.h"
#include "src/runtime/sampler.h"
#include "src/schedule/scheduler_config.h"
#include "src/schedule/solver.h"

namespace tmpq {
namespace {

using Values = std::vector<float>;

const std::filesystem::path kFixtures = std::filesystem::path(TMPQ_SOURCE_DIR) / "tests/fixtures";

// (batch, C, H, W) of a file, channels last.
Values ImagesOf(const Checkpoint& file, const char* name) {
  const Shape shape = file.tensors().at(name)->shape;
  const Values values = file.Floats(name);
  const int64_t channels = shape[1], pixels = shape[2] * shape[3];
  Values out(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t pixel = static_cast<int64_t>(i) % pixels,
                  channel = static_cast<int64_t>(i) / pixels % channels,
                  image = static_cast<int64_t>(i) / (pixels * channels);
    out[(image * pixels + pixel) * channels + channel] = values[i];
  }
  return out;
}

double RelativeToRange(const Values& actual, const Values& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max<double>(worst, std::fabs(actual[i] - expected[i]));
  }
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  return worst / (*high - *low);
}

// What a network call takes of a condition: the rows, then as many null values.
Values Guided(const ConditionTensor& condition) {
  Values both = condition.values;
  while (both.size() < 2 * condition.values.size()) {
    both.insert(both.end(), condition.null_value.begin(), condition.null_value.end());
  }
  return both;
}

// Runs the solver over a guided network, from the start `x` of two samples.
Values Denoise(const ModelFile& model, const SchedulerConfig& scheduler, Values x,
               const ConditionList& conditions, int steps, double guidance) {
  const RuntimeNetwork network(model.graph, model.parameters, kernels::BestKernels());
  const TimestepSequence timesteps = scheduler.Timesteps(steps);
  const ActivePolicy policy = network.ActivateFloat();
  Workspace workspace = network.MakeWorkspace(4);
  std::vector<Values> history(kSolverHistory, Values(x.size()));
  std::map<std::string, Values> tensors;
  for (const auto& [name, condition] : conditions.tensors) tensors[name] = Guided(condition);
  const std::vector<int32_t> style(4, 0);  // read by some networks only
  const int64_t channels = model.graph.node(model.graph.FindInput("sample")).shape.back(),
                predicted = model.graph.output_shape().back();
  Values accepted(x.size());
  for (const SolverCall& call : MakeSolver(scheduler.schedule, scheduler.settings, timesteps)) {
    Values both = x, out(2 * x.size() * predicted / channels);
    both.insert(both.end(), x.begin(), x.end());
    const Values times(4, static_cast<float>(timesteps[call.step]));
    NetworkInputs inputs{4, {{"sample", both.data()}, {"timestep", times.data()}}, {}};
    for (const auto& [name, values] : tensors) inputs.floats[name] = values.data();
    inputs.integers["style"] = style.data();
    network.Run(policy, inputs, out.data(), workspace);
    std::rotate(history.begin(), history.end() - 1, history.end());
    for (size_t i = 0; i < x.size(); ++i) {
      const size_t at = i / channels * predicted + i % channels;  // a variance may stand behind
      const double null = out[out.size() / 2 + at];
      const double guided = null + guidance * (out[at] - null);
      history[0][i] = static_cast<float>(call.convert_sample * x[i] + call.convert_output * guided);
      double y = call.keep * accepted[i] + call.take * x[i], next = 0;
      for (int j = 0; j < kSolverHistory; ++j) {
        y += call.accept[j] * history[j][i];
        next += call.advance[j] * history[j][i];
      }
      accepted[i] = static_cast<float>(y);
      x[i] = static_cast<float>(next + call.base * y);
    }
  }
  return x;
}

class WholePipelineTest : public testing::TestWithParam<const char*> {};

TEST_P(WholePipelineTest, PromptsBecomeTheImagesOfDiffusers) {
  const std::filesystem::path folder = kFixtures / GetParam();
  const ModelFile model = LoadPipelineModel(folder);
  const Json c = ParseJson(ReadFile(folder / "case.json"), "case.json");
  const Checkpoint file(folder / "case.safetensors", "");
  const ConditionList conditions =
      EncodePrompts(folder, model.graph, c["prompts"].get<std::vector<std::string>>());
  ASSERT_EQ(conditions.rows(), 2);
  const Values latents = Denoise(model, LoadSchedulerConfig(folder / "scheduler"),
                                 ImagesOf(file, "start"), conditions, c["steps"], c["guidance"]);
  const double of_latents = RelativeToRange(latents, ImagesOf(file, "latents"));
  const Pictures pictures =
      DecodeSamples(folder, latents, model.graph.node(model.graph.FindInput("sample")).shape, 1);
  const double of_images = RelativeToRange(pictures.values, ImagesOf(file, "images"));
  std::printf("  latents: %.1e of the range, images: %.1e, allowed 1e-04\n", of_latents, of_images);
  EXPECT_LE(of_latents, 1e-4);
  EXPECT_LE(of_images, 1e-4);
}

// The sampler takes what the prompts become, and nothing else.
TEST_P(WholePipelineTest, ConditionsAreTheSamplers) {
  const std::filesystem::path folder = kFixtures / GetParam();
  const ModelFile model = LoadPipelineModel(folder);
  const RuntimeNetwork network(model.graph, model.parameters, kernels::BestKernels());
  const SchedulerConfig scheduler = LoadSchedulerConfig(folder / "scheduler");
  const DiffusionSampler sampler(network, scheduler.schedule, scheduler.settings);
  const ConditionList one = EncodePrompts(folder, model.graph, {"a cat"}),
                      other = EncodePrompts(folder, model.graph, {"a dog"});
  const auto draw = [&](const ConditionList& conditions) {
    return sampler.Sample(sampler.PrepareFloat(scheduler.Timesteps(2)),
                          {1, RandomPurpose::kTest, 0, 1, conditions}, {});
  };
  EXPECT_NE(draw(one), draw(other));
  for (const Node* node : FloatConditions(model.graph)) {
    ConditionList less = one;
    less.tensors.erase(node->name);
    EXPECT_THROW(draw(less), Error) << node->name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, WholePipelineTest, testing::Values("pipeline", "hunyuan-pipeline"),
                         [](const auto& item) {
                           return std::string(item.index == 0 ? "StableDiffusion" : "HunyuanDit");
                         });

}  // namespace
}  // namespace tmpq
