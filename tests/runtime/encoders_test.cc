// Autoencoders and encoders say what diffusers' and transformers' classes say, to 1e-4 of the
// output's range. tests/fixtures/make_encoders.py made the cases.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "src/models/autoencoder.h"
#include "src/models/checkpoint.h"
#include "src/models/clip.h"
#include "src/models/encoder.h"
#include "src/models/t5.h"
#include "src/runtime/network.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures/encoders";
constexpr double kTolerance = 1e-4;

// (batch, C, H, W) <-> (batch, H, W, C).
std::vector<float> Turned(const std::vector<float>& values, int64_t batch, int64_t rows,
                          int64_t columns) {
  std::vector<float> out(values.size());
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        out[(b * columns + j) * rows + i] = values[(b * rows + i) * columns + j];
      }
    }
  }
  return out;
}

// One folder's inputs and outputs, and runs of its graphs on them.
class Case {
 public:
  explicit Case(const char* name)
      : name_(name), folder_(kFixtures / name), file_(folder_ / "case.safetensors", "") {}

  const fs::path& folder() const { return folder_; }
  const Checkpoint& file() const { return file_; }

  std::vector<float> Image(const char* name) const {
    const auto& shape = file_.tensors().at(name)->shape;
    return Turned(file_.Floats(name), shape[0], shape[1], shape[2] * shape[3]);
  }

  // Largest difference from the tensor `expected`, relative to its range.
  void Expect(const Graph& graph, const ParameterSet& parameters, const NetworkInputs& inputs,
              const char* expected) const {
    std::vector<float> first;
    for (const auto* kernels : {&kernels::ReferenceKernels(), &kernels::BestKernels()}) {
      const RuntimeNetwork network(graph, parameters, *kernels);
      std::vector<float> out(inputs.batch * ElementsOf(graph.output_shape()));
      Workspace workspace = network.MakeWorkspace(inputs.batch);
      network.Run(network.ActivateFloat(), inputs, out.data(), workspace);
      if (first.empty()) first = out;
      EXPECT_EQ(out, first) << name_ << " " << expected << " on " << kernels->name;
    }
    const auto& shape = file_.tensors().at(expected)->shape;
    std::vector<float> reference = file_.Floats(expected);
    if (shape.size() == 4) {
      reference = Image(expected);
    }
    ASSERT_EQ(first.size(), reference.size()) << name_ << " " << expected;
    double worst = 0;
    for (size_t i = 0; i < first.size(); ++i) {
      worst = std::max<double>(worst, std::fabs(first[i] - reference[i]));
    }
    const auto [low, high] = std::minmax_element(reference.begin(), reference.end());
    const double relative = worst / (*high - *low);
    std::printf("  %s %s: %.1e of the range, allowed %.0e\n", name_, expected, relative,
                kTolerance);
    EXPECT_LE(relative, kTolerance) << name_ << " " << expected;
  }

 private:
  const char* name_;
  fs::path folder_;
  Checkpoint file_;
};

TEST(EncodersTest, AutoencodersEqualDiffusers) {
  for (const auto& [name, scaling, shift] :
       {std::tuple{"vae", 0.13025, 0.0}, std::tuple{"vae-bare", 1.5305, 0.0609}}) {
    const Case c(name);
    const Shape shape = c.file().tensors().at("image")->shape;
    const Autoencoder vae = LoadAutoencoder(c.folder(), {.height = shape[2], .width = shape[3]});
    const std::vector<float> image = c.Image("image"), latent = c.Image("latent");
    c.Expect(vae.encoder, vae.encoder_parameters, {shape[0], {{"sample", image.data()}}, {}},
             "moments");
    c.Expect(vae.decoder, vae.decoder_parameters, {shape[0], {{"sample", latent.data()}}, {}},
             "decoded");
    EXPECT_EQ(vae.scaling_factor, scaling);
    EXPECT_EQ(vae.shift_factor, shift);
    EXPECT_TRUE(vae.encoder.sites().sites.empty());
  }
}

TEST(EncodersTest, TextEncodersEqualTransformers) {
  for (const char* name : {"clip-text", "clip-text-projection", "clip"}) {
    const Case c(name);
    const Encoder encoder = LoadEncoder(c.folder());
    const std::vector<int32_t> ids = c.file().Integers("input_ids");
    const size_t tokens = 77;
    std::vector<int32_t> eos;
    for (size_t i = 0; i < ids.size(); i += tokens) {
      eos.push_back(static_cast<int32_t>(
          ClipEosPosition(std::span(ids).subspan(i, tokens), encoder.eos_token)));
    }
    const NetworkInputs inputs = {static_cast<int64_t>(eos.size()),
                                  {},
                                  {{"input_ids", ids.data()}, {"eos_position", eos.data()}}};
    for (const char* output : {"last_hidden_state", "penultimate_hidden_state", "pooled"}) {
      if (!c.file().Has(output)) continue;
      c.Expect(encoder.outputs.at(output), encoder.parameters, inputs, output);
    }
  }
}

TEST(EncodersTest, ImageTowersEqualTransformers) {
  for (const char* name : {"clip-vision", "clip"}) {
    const Case c(name);
    const Encoder encoder = LoadEncoder(c.folder());
    const std::vector<float> pixels = c.Image("pixel_values");
    c.Expect(encoder.outputs.at("image_embeds"), encoder.parameters,
             {2, {{"pixel_values", pixels.data()}}, {}}, "image_embeds");
  }
}

TEST(EncodersTest, T5AndBertEqualTransformers) {
  for (const char* name : {"t5", "t5-sharded", "bert"}) {
    const Case c(name);
    const Shape shape = c.file().tensors().at("input_ids")->shape;
    const Encoder encoder = LoadEncoder(c.folder(), {.tokens = shape[1]});
    const std::vector<int32_t> ids = c.file().Integers("input_ids"),
                               mask = c.file().Integers("attention_mask");
    const std::vector<float> float_mask(mask.begin(), mask.end());
    c.Expect(encoder.outputs.at("last_hidden_state"), encoder.parameters,
             {shape[0], {{"attention_mask", float_mask.data()}}, {{"input_ids", ids.data()}}},
             "last_hidden_state");
  }
}

TEST(EncodersTest, RelativeBucketsEqualTransformers) {
  const std::vector<int32_t> buckets = Case("t5").file().Integers("buckets");
  const int64_t reach = static_cast<int64_t>(buckets.size()) / 2;
  for (int64_t distance = -reach; distance <= reach; ++distance) {
    EXPECT_EQ(T5RelativeBucket(distance, 32, 128), buckets[distance + reach]) << distance;
  }
}

}  // namespace
}  // namespace tmpq
