// A whole pipeline, from prompts to images, makes what diffusers makes of the same folder and
// start (tests/fixtures/make_pipeline.py).
#include "src/models/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "src/core/file.h"
#include "src/models/autoencoder.h"
#include "src/models/checkpoint.h"
#include "src/models/clip.h"
#include "src/models/diffusers.h"
#include "src/models/encoder.h"
#include "src/runtime/network.h"
#include "src/schedule/scheduler_config.h"
#include "src/schedule/solver.h"
#include "src/text/tokenizer.h"

namespace tmpq {
namespace {

using Values = std::vector<float>;

const std::filesystem::path kFolder =
    std::filesystem::path(TMPQ_SOURCE_DIR) / "tests/fixtures/pipeline";

Values RunGraph(const Graph& graph, const ParameterSet& parameters, const NetworkInputs& inputs) {
  const RuntimeNetwork network(graph, parameters, kernels::BestKernels());
  Values out(inputs.batch * ElementsOf(graph.output_shape()));
  Workspace workspace = network.MakeWorkspace(inputs.batch);
  network.Run(network.ActivateFloat(), inputs, out.data(), workspace);
  return out;
}

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

// The last hidden states of the prompts, one after the other.
Values EncodePrompts(const Pipeline& pipeline, const std::vector<std::string>& prompts) {
  const auto tokenizer = LoadTokenizer(pipeline.Get("tokenizer").folder);
  const Encoder encoder = LoadEncoder(pipeline.Get("text_encoder").folder);
  const Graph& graph = encoder.outputs.at("last_hidden_state");
  const int64_t tokens = graph.output_shape()[0];
  std::vector<int32_t> ids, eos;
  for (const std::string& prompt : prompts) {
    const std::vector<int32_t> one = tokenizer->Encode(prompt, tokens).ids;
    eos.push_back(static_cast<int32_t>(ClipEosPosition(one, encoder.eos_token)));
    ids.insert(ids.end(), one.begin(), one.end());
  }
  return RunGraph(graph, encoder.parameters,
                  {static_cast<int64_t>(prompts.size()),
                   {},
                   {{"input_ids", ids.data()}, {"eos_position", eos.data()}}});
}

// Runs the solver over a guided network; `contexts`: of the prompts, then as many empty ones.
Values Denoise(const Pipeline& pipeline, Values x, const Values& contexts, int steps,
               double guidance) {
  const DiffusersNetwork denoiser = LoadDiffusers(pipeline.folder);
  const RuntimeNetwork network(denoiser.graph, denoiser.parameters, kernels::BestKernels());
  const SchedulerConfig scheduler = LoadSchedulerConfig(pipeline.Get("scheduler").folder);
  const TimestepSequence timesteps = scheduler.Timesteps(steps);
  const ActivePolicy policy = network.ActivateFloat();
  Workspace workspace = network.MakeWorkspace(4);
  std::vector<Values> history(kSolverHistory, Values(x.size()));
  Values accepted(x.size());
  for (const SolverCall& call : MakeSolver(scheduler.schedule, scheduler.settings, timesteps)) {
    Values both = x, out(2 * x.size());
    both.insert(both.end(), x.begin(), x.end());
    const Values times(4, static_cast<float>(timesteps[call.step]));
    network.Run(policy,
                {4,
                 {{"sample", both.data()},
                  {"timestep", times.data()},
                  {"encoder_hidden_states", contexts.data()}},
                 {}},
                out.data(), workspace);
    std::rotate(history.begin(), history.end() - 1, history.end());
    for (size_t i = 0; i < x.size(); ++i) {
      const double guided = out[x.size() + i] + guidance * (out[i] - out[x.size() + i]);
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

TEST(WholePipelineTest, PromptsBecomeTheImagesOfDiffusers) {
  const Pipeline pipeline = LoadPipeline(kFolder);
  const Json c = ParseJson(ReadFile(kFolder / "case.json"), "case.json");
  const Checkpoint file(kFolder / "case.safetensors", "");
  auto prompts = c["prompts"].get<std::vector<std::string>>();
  ASSERT_EQ(prompts.size(), 2u);
  prompts.resize(4);  // and as many empty ones
  const Values latents = Denoise(pipeline, ImagesOf(file, "start"),
                                 EncodePrompts(pipeline, prompts), c["steps"], c["guidance"]);
  const double of_latents = RelativeToRange(latents, ImagesOf(file, "latents"));
  const Autoencoder vae = LoadAutoencoder(pipeline.Get("vae").folder, {.height = 16, .width = 16});
  Values unscaled = latents;
  for (float& value : unscaled) value = static_cast<float>(value / vae.scaling_factor);
  const double of_images = RelativeToRange(
      RunGraph(vae.decoder, vae.decoder_parameters, {2, {{"sample", unscaled.data()}}, {}}),
      ImagesOf(file, "images"));
  std::printf("  latents: %.1e of the range, images: %.1e, allowed 1e-04\n", of_latents, of_images);
  EXPECT_LE(of_latents, 1e-4);
  EXPECT_LE(of_images, 1e-4);
}

}  // namespace
}  // namespace tmpq
