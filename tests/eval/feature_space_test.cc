// Feature networks of other programs say what their references say
// (tests/fixtures/make_feature_networks.py), whatever size pictures have, and what does not fit is
// refused with a way out.
#include "src/eval/models/feature_space.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "src/core/random.h"
#include "src/core/tensor_file.h"
#include "src/models/encoder.h"
#include "src/models/inception.h"
#include "tests/eval/expect_error.h"
#include "tests/eval/folder_copy.h"
#include "tests/eval/network_case.h"
#include "tests/models/i3d_file.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kBundled = fs::path(TMPQ_SOURCE_DIR) / "checkpoints";

std::string PathOf(const NetworkCase& c, const char* file = "") {
  return (c.folder() / file).string();
}

// Largest difference from the tensor `name`, over its range; printed.
double WorstOf(const NetworkCase& c, const std::string& name, const std::vector<float>& found) {
  const bool maps = c.file().tensors().at(name)->shape.size() == 4;
  const std::vector<float> expected = maps ? c.Images(name) : c.file().Floats(name);
  EXPECT_EQ(found.size(), expected.size()) << name;
  double worst = 0;
  for (size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
    worst = std::max<double>(worst, std::fabs(found[i] - expected[i]));
  }
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  std::printf("  %s %s: largest difference %.1e, %.1e of the range\n",
              c.folder().filename().c_str(), name.c_str(), worst, worst / (*high - *low));
  return worst / (*high - *low);
}

// Of convolutions with a norm after them.
int64_t OutputsOfNorms(const Graph& graph) {
  int64_t outputs = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind == OpKind::kConv2d) outputs += node.attributes.features;
  }
  return outputs;
}

// A clip is one sample, not as many as it has frames.
TEST(FeatureSpaceTest, RandomFeaturesSeeWholeClips) {
  const FeatureSpace space = OpenFeatureSpace(kRandomFeatures, {4, 8, 6, 3}, "");
  EXPECT_EQ(space.features->image_elements(), 4 * 8 * 6 * 3);
  const FeatureSpace of_images = OpenFeatureSpace(kRandomFeatures, {8, 6, 3}, "");
  EXPECT_EQ(of_images.features->image_elements(), 8 * 6 * 3);
  EXPECT_EQ(space.features->dimension(), of_images.features->dimension());
  EXPECT_NE(space.features->hash(), of_images.features->hash());
}

// torch-fidelity's network with a sixteenth of the channels, bytes in, all it says out.
TEST(InceptionTest, EqualsTorchFidelity) {
  const NetworkCase c("inception");
  const auto [images, shape] = c.Pictures("images");
  const auto check = [&](const char* name, FeatureOutput output) {
    const FeatureSpace space = OpenFeatureSpace(PathOf(c, "weights.safetensors"), shape, "",
                                                {ResizeFilter::kBilinearTf1, output});
    EXPECT_EQ(space.name, "inception-v3");
    EXPECT_EQ(space.published, PublishedNetwork::kNone) << "a sixteenth of it is not";
    EXPECT_LT(WorstOf(c, name, space.features->Extract(images, shape, 1)), 1e-5);
  };
  check("2048", FeatureOutput::kFeatures);
  check("logits_unbiased", FeatureOutput::kLogits);
  check("maps", FeatureOutput::kMaps);
}

TEST(InceptionTest, EveryBlockEqualsTorchFidelity) {
  const NetworkCase c("inception");
  const auto [images, shape] = c.Pictures("images");
  const Inception inception = LoadInception(c.folder() / "weights.safetensors");
  const Preprocessing tf1 = OpenFeatureSpace(PathOf(c, "weights.safetensors"), shape, "",
                                             {.resize = ResizeFilter::kBilinearTf1})
                                .features->preprocessing();
  for (const auto& [name, node] :
       {std::pair{"64", kInceptionFeatures64}, std::pair{"192", kInceptionFeatures192},
        std::pair{"768", kInceptionFeatures768}, std::pair{"logits", kInceptionLogits}}) {
    const FeatureExtractor extractor(inception.graph.CutAfter(node), inception.parameters,
                                     inception.hash, kernels::BestKernels(), tf1);
    EXPECT_LT(WorstOf(c, name, extractor.Extract(images, shape, 1)), 5e-5) << name;
  }
}

// The filters stand for other programs' numbers, too: the same pictures, prepared as they do.
TEST(InceptionTest, FiltersPrepareAsTheirPrograms) {
  const NetworkCase c("inception");
  const auto [images, shape] = c.Pictures("images");
  for (const auto& [name, filter] :
       {std::pair{"pytorch_fid", std::optional(ResizeFilter::kBilinear)},
        std::pair{"clean_fid", std::optional<ResizeFilter>()}}) {
    const FeatureSpace space =
        OpenFeatureSpace(PathOf(c, "weights.safetensors"), shape, "", {.resize = filter});
    EXPECT_LT(WorstOf(c, name, space.features->Extract(images, shape, 1)), 1e-5) << name;
  }
}

TEST(InceptionTest, HasThePublishedSize) {
  const Graph graph = BuildInception({});
  // torchvision's Inception3(aux_logits=False, num_classes=1008), less the weights of batch norms,
  // which folding ends.
  EXPECT_EQ(graph.parameter_count(), 23850960 - 17216);
  EXPECT_EQ(graph.CutAfter(kInceptionFeatures2048).output_shape(), Shape{2048});
  EXPECT_EQ(graph.CutAfter(kInceptionMaps).output_shape(), (Shape{17, 17, 192}));
}

TEST(InceptionTest, WrongFilesAreRefused) {
  const NetworkCase c("inception");
  const fs::path good = c.folder() / "weights.safetensors";
  const auto write = [&](const auto& change) {
    const TensorFile file(good, TensorFile::Checksum::kIfPresent);
    auto tensors = file.tensors();
    change(tensors);
    TensorFileWriter writer;
    for (const auto& [name, view] : tensors) writer.Add(name, view.dtype, view.shape, view.data);
    const fs::path path = TestPath(".safetensors");
    writer.Write(path);
    return path;
  };
  const auto refuse = [&](const auto& change, const std::string& part) {
    const fs::path path = write(change);
    ExpectError([&] { OpenFeatureSpace(path.string(), {}, ""); }, part);
  };
  refuse([](auto& t) { t.erase("Mixed_6b.branch7x7_2.bn.running_var"); },
         "Mixed_6b.branch7x7_2.bn.running_var");
  refuse([](auto& t) { t["AuxLogits.fc.bias"] = t.at("fc.bias"); }, "AuxLogits.fc.bias is unknown");
  refuse(
      [](auto& t) {
        t["Mixed_6b.branch7x7_2.conv.weight"].shape = {8, 8, 7, 1};
      },
      "Mixed_6b.branch7x7_2.conv.weight is (8, 8, 7, 1)");
  std::vector<uint16_t> negative(2, 0xbc00);  // -1
  refuse(
      [&](auto& t) {
        t.at("Conv2d_1a_3x3.bn.running_var").data = std::as_bytes(std::span(negative));
      },
      "negative variance");
  std::vector<uint16_t> broken(2, 0x7e00);  // NaN
  refuse([&](auto& t) { t.at("Conv2d_1a_3x3.bn.bias").data = std::as_bytes(std::span(broken)); },
         "NaN");
}

TEST(VideoMaeTest, EqualsTransformers) {
  for (const char* name : {"videomae", "videomae-classifier"}) {
    const NetworkCase c(name);
    const auto [clips, shape] = c.Pictures("clips");
    const FeatureSpace space = OpenFeatureSpace(PathOf(c), shape, "");
    // The network alone on the reference's pixels, then everything from bytes on.
    const Encoder encoder = LoadEncoder(c.folder());
    const FeatureExtractor network(encoder.outputs.at("video_embeds"), encoder.parameters,
                                   encoder.hash, kernels::BestKernels());
    EXPECT_LT(WorstOf(c, "video_embeds", network.Extract(c.Images("pixels"), 1)), 1e-5);
    EXPECT_LT(WorstOf(c, "video_embeds", space.features->Extract(clips, shape, 1)), 5e-3);
    if (!c.file().Has("logits")) continue;
    const FeatureExtractor logits(encoder.outputs.at("logits"), encoder.parameters, encoder.hash,
                                  kernels::BestKernels());
    EXPECT_LT(WorstOf(c, "logits", logits.Extract(c.Images("pixels"), 1)), 1e-5);
  }
}

TEST(I3dTest, HasThePublishedSize) {
  const Graph graph = BuildI3d({});
  // pytorch-i3d's InceptionI3d(400) has 12,697,264 parameters, of which a norm's weight, one an
  // output, is folded away.
  EXPECT_EQ(graph.parameter_count() + OutputsOfNorms(graph), 12'697'264);
  EXPECT_EQ(graph.output_shape(), Shape{400});
  EXPECT_EQ(graph.CutAfter(kI3dPooled).output_shape(), Shape{1024});
}

// Clips of any size and of so many frames as they have; a sample's logits are its own.
TEST(I3dTest, SeesClips) {
  const fs::path file = TestPath();
  WriteI3dFile(file, 8, 7);
  const Shape shape = {9, 20, 12, 1};
  std::vector<float> clips(2 * ElementsOf(shape));
  FillNormal(4, RandomPurpose::kTest, 0, clips);
  const FeatureSpace space = OpenFeatureSpace(file, shape, "");
  EXPECT_EQ(space.name, "i3d");
  EXPECT_EQ(space.published, PublishedNetwork::kNone) << "an eighth of it is not";
  EXPECT_EQ(space.features->sample_shape(), (Shape{9, 224, 224, 3}));
  const auto features = space.features->Extract(clips, shape, 2);
  ASSERT_EQ(features.size(), 14u);
  const std::span<const float> last(clips.data() + ElementsOf(shape), ElementsOf(shape));
  EXPECT_TRUE(std::equal(features.end() - 7, features.end(),
                         space.features->Extract(last, shape, 1).begin()));
  EXPECT_NE(features[0], features[7]);
  const auto open = [&](const Shape& other, FeatureOutput output = FeatureOutput::kFeatures) {
    return [&, other, output] { OpenFeatureSpace(file, other, "", {.output = output}); };
  };
  ExpectError(open({32, 32, 3}), "sees clips");
  ExpectError(open({8, 32, 32, 3}), "9 frames");
  ExpectError(open({16, 32, 32, 2}), "(16, 32, 32, 2)");
  ExpectError(open({16, 32, 32, 3}, FeatureOutput::kMaps), "no spatial maps");
  WriteI3dFile(file, 8, 7, "Mixed_4e.b1b.bn.running_var");
  ExpectError(open({16, 32, 32, 3}), "Mixed_4e.b1b.bn.running_var");
}

TEST(FeatureSpaceTest, TakesPicturesOfAnySizeAndGrey) {
  const std::string file = PathOf(NetworkCase("inception"), "weights.safetensors");
  std::vector<float> grey(17 * 12 * 12), colour;
  FillNormal(2, RandomPurpose::kTest, 0, grey);
  for (const float value : grey) colour.insert(colour.end(), 3, value);
  const FeatureSpace space = OpenFeatureSpace(file, {12, 12, 1}, "");
  const auto features = space.features->Extract(grey, {12, 12, 1}, 1);
  EXPECT_EQ(features, space.features->Extract(colour, {12, 12, 3}, 2)) << "threads or channels";
  const std::span<const float> last(grey.data() + 16 * 144, 144);
  EXPECT_TRUE(std::equal(features.end() - 128, features.end(),
                         space.features->Extract(last, {12, 12, 1}, 1).begin()))
      << "a sample depends on its batch";
  grey[5] = NAN;
  const auto broken = space.features->Extract(grey, {12, 12, 1}, 1);
  EXPECT_TRUE(std::isnan(broken[0]));
  EXPECT_TRUE(std::equal(broken.begin() + 128, broken.end(), features.begin() + 128));
}

TEST(FeatureSpaceTest, AResizingIsPartOfItsNameInFiles) {
  const std::string file = PathOf(NetworkCase("inception"), "weights.safetensors");
  const auto hash = [&](std::optional<ResizeFilter> resize) {
    return OpenFeatureSpace(file, {}, "", {.resize = resize}).features->hash();
  };
  EXPECT_EQ(hash({}), hash(ResizeFilter::kBicubic));
  EXPECT_NE(hash({}), hash(ResizeFilter::kBilinear));
}

TEST(FeatureSpaceTest, OpensClipsImageTower) {
  const NetworkCase c("clip");
  const auto [images, shape] = c.Pictures("small.images");
  const FeatureSpace space = OpenFeatureSpace(PathOf(c), shape, "");
  EXPECT_EQ(space.name, "clip");
  EXPECT_EQ(space.features->dimension(), 10);
  EXPECT_EQ(space.features->Extract(images, shape, 1).size(), 30u);
}

TEST(FeatureSpaceTest, ShapesThatDoNotFitAreRefused) {
  const std::string inception = PathOf(NetworkCase("inception"), "weights.safetensors");
  const std::string videomae = PathOf(NetworkCase("videomae"));
  const auto open = [](const std::string& name, const Shape& shape) {
    return [=] { OpenFeatureSpace(name, shape, kBundled); };
  };
  ExpectError(open(inception, {4, 32, 32, 3}), "single images");
  ExpectError(open(inception, {32, 32, 4}), "(32, 32, 4)");
  ExpectError(open(videomae, {32, 32, 3}), "clips");
  ExpectError(open(videomae, {8, 32, 32, 3}), "clips of 4 frames");
  ExpectError(open("fashion-features", {28, 28, 3}), "(28, 28, 3)");
}

TEST(FeatureSpaceTest, SaysWhatIsMissingAndHowToGetIt) {
  const auto refuse = [](const std::string& name, const std::string& part,
                         FeatureOutput output = FeatureOutput::kFeatures) {
    ExpectError([&] { OpenFeatureSpace(name, {}, kBundled, {.output = output}); }, part);
  };
  refuse("inception", "pt_inception-2015-12-05");
  refuse("inception", "scripts/convert_weights.py");
  refuse("inception", "--feature-net");
  refuse("clip", "preprocessor_config.json");
  refuse("videomae", "VideoMAEModel");
  refuse("i3d", "i3d_pretrained_400.pt");
  refuse("i3d", "scripts/convert_weights.py");
  refuse("pt_inception-2015-12-05-6726825d.pth", "convert_weights.py");
  refuse("no-such-network", "fashion-features");
  refuse("scenes-features", "no spatial maps", FeatureOutput::kMaps);
  refuse("scenes-encoder", "no logits", FeatureOutput::kLogits);
  const fs::path encoders = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures/encoders";
  refuse((encoders / "clip-text").string(), "sees no pictures");
  refuse((encoders / "clip-vision").string(), "preprocessor_config.json: is missing");
  const FolderCopy copy(NetworkCase("videomae").folder());
  copy.Replace("config.json", "\"num_frames\": 4", "\"num_frames\": 5");
  refuse(copy.folder().string(), "5 frames");
  copy.Replace("config.json", "\"num_frames\": 5", "\"num_frames\": 4");
  copy.Replace("config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"");
  refuse(copy.folder().string(), "hidden_act");
  copy.Replace("config.json", "\"hidden_act\": \"relu\"", "\"hidden_act\": \"gelu\"");
  copy.Replace("config.json", "\"intermediate_size\": 20", "\"intermediate_size\": 24");
  refuse(copy.folder().string(), "intermediate.dense.weight is (20, 12), not (24, 12)");
}

TEST(FeatureSpaceTest, OnlyBundledNetworksHaveStatistics) {
  EXPECT_TRUE(fs::exists(StatisticsPath("fashion-features", kBundled)));
  EXPECT_TRUE(StatisticsPath("scenes-encoder", kBundled).empty());
  EXPECT_TRUE(StatisticsPath(PathOf(NetworkCase("videomae")), kBundled).empty());
}

}  // namespace
}  // namespace tmpq
