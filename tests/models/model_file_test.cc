#include "src/models/model_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/graph/graph_builder.h"
#include "src/models/feature_net.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

class ModelFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_ / "bundled/one");
    FeatureNetConfig net;
    net.image_height = net.image_width = 8;
    net.width = 8, net.features = 4, net.classes = 2;
    model_.name = "one";
    model_.graph = BuildFeatureClassifier(net);
    for (const auto& [name, shape] : model_.graph.parameters()) {
      model_.parameters.Set(name, std::vector<float>(ElementsOf(shape), 0.5f));
    }
    model_.training = {{"seed", 1}};
    model_.Save(path());
  }
  fs::path path() const { return folder_ / "bundled/one/weights.safetensors"; }

  fs::path folder_;
  ModelFile model_;
};

TEST_F(ModelFileTest, DescribesItself) {
  const ModelFile back = ModelFile::Load(path());
  EXPECT_EQ(back.name, "one");
  EXPECT_EQ(back.graph.hash(), model_.graph.hash());
  EXPECT_EQ(back.parameters.values(), model_.parameters.values());
  EXPECT_TRUE(back.sampling.is_null());
  EXPECT_EQ(back.training, model_.training);
}

TEST_F(ModelFileTest, IsFoundByNameFolderAndPath) {
  EXPECT_EQ(FindModel("one", folder_ / "bundled"), path());
  EXPECT_EQ(FindModel((folder_ / "bundled/one").string(), "nowhere"), path());
  EXPECT_EQ(FindModel(path().string(), "nowhere"), path());
  try {
    FindModel("two", folder_ / "bundled");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("bundled are: one"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(FindModel("", folder_ / "bundled"), Error);
}

TEST_F(ModelFileTest, DamageAndNotANumberAreRefused) {
  const std::string whole = ReadFile(path());
  std::string bytes = whole;
  bytes[bytes.size() - 1] = static_cast<char>(bytes[bytes.size() - 1] ^ 1);
  WriteFileAtomically(path(), bytes);
  EXPECT_THROW(ModelFile::Load(path()), Error);
  model_.parameters.Set("classifier.bias", {0, NAN});
  model_.Save(path());
  try {
    ModelFile::Load(path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("classifier.bias"), std::string::npos) << error.what();
  }
}

// What a user writes from Python: a graph as JSON, and weights of any writer.
TEST(NetworkFolderTest, GraphAndWeightsFromFiles) {
  const fs::path folder = TestPath();
  fs::create_directories(folder);
  EXPECT_FALSE(IsNetworkFolder(folder));
  GraphBuilder builder("brought");
  const NodeId x = builder.Conv2d("conv", builder.Input("sample", {4, 4, 2}), 3, 3, 1, 1);
  const Graph graph = builder.Finish(x);
  std::vector<float> weights(3 * 2 * 3 * 3), bias = {1, 2, 3};
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i);
  TensorFileWriter writer;
  writer.AddFloats("conv.weight", {3, 2, 3, 3}, weights);  // as PyTorch lays it out
  writer.AddFloats("conv.bias", {3}, bias);
  writer.Write(folder / "weights.safetensors");
  Json json = {{"format", "tmpq-network-1"}, {"name", "mine"}, {"graph", graph.ToJson()}};
  WriteFileAtomically(folder / "network.json", json.dump());
  ASSERT_TRUE(IsNetworkFolder(folder));
  const ModelFile model = LoadNetworkFolder(folder);
  EXPECT_EQ(model.name, "mine");
  EXPECT_EQ(model.graph.hash(), graph.hash());
  EXPECT_EQ(model.parameters.Get("conv.weight")[1], 9);  // the second channel of the first place
  EXPECT_TRUE(model.sampling.is_null());
  json["format"] = "tmpq-network-0";
  WriteFileAtomically(folder / "network.json", json.dump());
  EXPECT_THROW(LoadNetworkFolder(folder), Error);
  json["format"] = "tmpq-network-1";
  json["graph"]["nodes"][1]["features"] = 4;
  WriteFileAtomically(folder / "network.json", json.dump());
  EXPECT_THROW(LoadNetworkFolder(folder), Error);
}

}  // namespace
}  // namespace tmpq
