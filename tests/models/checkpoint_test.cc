// Checkpoints of other programs: conversions, and everything that can be wrong with them.
#include "src/models/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/models/diffusers.h"
#include "src/models/position.h"
#include "src/plan/costs.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures/diffusers";

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_);
  }

  // A copy of a fixture to damage.
  fs::path Copy(const char* name) {
    fs::copy(kFixtures / name, folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }
  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  // Loading says all of `parts`.
  static void ExpectError(const fs::path& folder, const std::vector<std::string>& parts) {
    try {
      LoadDiffusers(folder);
      ADD_FAILURE() << folder << " was read";
    } catch (const Error& error) {
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
            << part << " not in: " << error.what();
      }
    }
  }
  void EditJson(const fs::path& path, auto edit) {
    Json json = ParseJson(ReadFile(path), path.string());
    edit(json);
    Write(path, json.dump());
  }

  fs::path folder_;
};

TEST_F(CheckpointTest, HalvesAndBfloatsBecomeFloats) {
  // Values that 16 bits hold exactly, subnormal and negative ones included.
  const std::vector<uint16_t> halves = {0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x83ff};
  const std::vector<float> expected = {0.0f, -0.0f, 1.0f, -2.0f, 65504.0f, 0x1p-24f, -0x1.ff8p-15f};
  const std::vector<uint16_t> brains = {0x0000, 0x3f80, 0xc000, 0x4049};
  TensorFileWriter writer;
  writer.Add("half", DType::kF16, {7}, std::as_bytes(std::span(halves)));
  writer.Add("brain", DType::kBF16, {4}, std::as_bytes(std::span(brains)));
  const std::vector<uint8_t> truths = {1, 0, 1};
  writer.Add("truths", DType::kBool, {3}, std::as_bytes(std::span(truths)));
  writer.Add("bytes", DType::kU8, {14}, std::as_bytes(std::span(halves)));
  writer.Write(folder_ / "w.safetensors");
  const Checkpoint checkpoint(folder_, "w");
  EXPECT_EQ(checkpoint.Floats("half"), expected);
  EXPECT_TRUE(std::signbit(checkpoint.Floats("half")[1]));
  EXPECT_EQ(checkpoint.Floats("brain"), (std::vector<float>{0, 1, -2, 3.140625f}));
  EXPECT_THROW(checkpoint.Floats("bytes"), Error);
  EXPECT_EQ(checkpoint.Integers("truths"), (std::vector<int32_t>{1, 0, 1}));
}

TEST_F(CheckpointTest, EveryFixtureLoads) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kFixtures)) {
    const DiffusersNetwork network = LoadDiffusers(entry.path());
    EXPECT_EQ(network.parameters.values().size(), network.graph.parameters().size());
    ++count;
  }
  EXPECT_GE(count, 12);
}

TEST_F(CheckpointTest, APipelinesNetworkIsFound) {
  fs::copy(kFixtures / "dit", folder_ / "transformer", fs::copy_options::recursive);
  Write(folder_ / "model_index.json",
        R"({"_class_name": "DiTPipeline", "transformer": ["diffusers", "DiTTransformer2DModel"]})");
  EXPECT_EQ(LoadDiffusers(folder_).class_name, "DiTTransformer2DModel");
}

TEST_F(CheckpointTest, ProblemsAreNamedAllAtOnce) {
  const fs::path folder = Copy("dit");
  EditJson(folder / "config.json", [](Json& json) {
    json["num_layers"] = 3;
    json["num_embeds_ada_norm"] = 7;
  });
  ExpectError(folder, {"transformer_blocks.2.norm1.linear.weight is missing",
                       "transformer_blocks.0.norm1.emb.class_embedder.embedding_table.weight is",
                       "not (8, 16)"});
  EditJson(folder / "config.json", [](Json& json) {
    json["num_layers"] = 1;
    json["num_embeds_ada_norm"] = 6;
  });
  ExpectError(folder, {"transformer_blocks.1.attn1.to_k.bias is unknown", "and 7 more"});
}

TEST_F(CheckpointTest, ConfigsThatAskForMoreAreRefused) {
  const auto refused = [&](const char* fixture, const char* key, const Json& value) {
    fs::remove_all(folder_ / fixture);
    const fs::path folder = Copy(fixture);
    EditJson(folder / "config.json", [&](Json& json) { json[key] = value; });
    ExpectError(folder, {"config.json", key[0] == '_' ? "class" : key});
  };
  refused("dit", "activation_fn", "geglu");
  refused("dit", "num_layers", 0);
  refused("dit", "num_layers", -4);
  refused("dit", "num_attention_heads", "many");
  refused("dit", "attention_head_dim", 1LL << 40);
  refused("dit", "_class_name", "StableCascadeUNet");
  refused("unet2d", "act_fn", "mish");
  refused("unet2d", "block_out_channels", Json::array({8}));
  refused("unet2d", "down_block_types", Json::array({"DownBlock2D", "SkipDownBlock2D"}));
  refused("unet2d-condition", "addition_embed_type", "text_image");
  refused("unet2d-condition", "reverse_transformer_layers_per_block", Json::array({1, 1}));
  refused("unet2d-condition", "attention_head_dim", Json::array({2, 0}));
  refused("sdxl", "addition_embed_type", "image_hint");
  refused("sdxl", "projection_class_embeddings_input_dim", 6 * 8);
  refused("sdxl", "transformer_layers_per_block", Json::array({1, Json::array({1, 1}), 2}));
  refused("sdxl", "transformer_layers_per_block", Json::array({1, -1, 2}));
  refused("pixart-sizes", "cross_attention_dim", 16);
  refused("pixart-sizes", "attention_head_dim", 8);  // no multiple of 3
  refused("latte", "norm_type", "layer_norm");
  refused("latte", "activation_fn", "geglu");
  refused("latte", "cross_attention_dim", 32);
  refused("latte", "attention_head_dim", 7);
  refused("latte", "video_length", 0);
  refused("hunyuan-dit", "activation_fn", "geglu");
  refused("hunyuan-dit", "norm_type", "ada_norm_single");
  refused("hunyuan-dit", "hidden_size", 24);
  refused("hunyuan-dit", "attention_head_dim", 6);
  refused("hunyuan-dit", "num_layers", 5);
  refused("stdit", "patch_size", Json::array({2, 2, 2}));
  refused("stdit", "patch_size", Json::array({1, 2, 4}));
  refused("stdit", "input_size", Json::array({8, 8}));
  refused("stdit", "hidden_size", 18);
  refused("stdit", "space_scale", 0);
}

// Every class's tensors are looked for by their own names.
TEST_F(CheckpointTest, MissingTensorsOfEveryClassAreNamed) {
  const auto missing = [&](const char* fixture, const char* key, const Json& value,
                           const std::vector<std::string>& parts) {
    const fs::path folder = Copy(fixture);
    EditJson(folder / "config.json", [&](Json& json) { json[key] = value; });
    ExpectError(folder, parts);
  };
  missing("latte", "num_layers", 3,
          {"transformer_blocks.2.attn1.to_k.bias is missing",
           "transformer_blocks.2.attn2.to_k.bias is missing"});
  missing("hunyuan-dit", "use_style_cond_and_image_meta_size", true,
          {"time_extra_emb.style_embedder.weight is missing",
           "time_extra_emb.extra_embedder.linear_1.weight is (64, 6), not (64, 1558)"});
  missing("stdit", "depth", 3,
          {"blocks.2.attn.qkv.weight is missing", "blocks.2.cross_attn.kv_linear.bias is missing"});
  missing("pixart-sizes", "use_additional_conditions", false,
          {"adaln_single.emb.aspect_ratio_embedder.linear_1.bias is unknown"});
  missing("sdxl", "addition_embed_type", nullptr, {"add_embedding.linear_1.weight is unknown"});
}

// STDiT's files hold their positional tables, which are of one size only.
TEST_F(CheckpointTest, StditTablesAreTheFilesOrOfTheSample) {
  const DiffusersNetwork stored = LoadDiffusers(kFixtures / "stdit");
  const Checkpoint file(kFixtures / "stdit", "diffusion_pytorch_model");
  EXPECT_EQ(stored.parameters.values().at("pos_embed.weight"), file.Floats("pos_embed"));
  EXPECT_EQ(stored.parameters.values().at("pos_embed_temporal.weight"),
            file.Floats("pos_embed_temporal"));
  DiffusersOptions options;
  options.frames = 2, options.height = 4, options.width = 8;
  const DiffusersNetwork resized = LoadDiffusers(kFixtures / "stdit", options);
  EXPECT_EQ(resized.graph.output_shape(), (Shape{2, 4, 8, 8}));
  // The config's space_scale is 0.5: positions are two apart.
  EXPECT_EQ(resized.parameters.values().at("pos_embed.weight"),
            SincosPositions2d({0, 2}, {0, 2, 4, 6}, 16));
  EXPECT_EQ(resized.parameters.values().at("pos_embed_temporal.weight"),
            SincosPositions1d({0, 1}, 16));
}

TEST_F(CheckpointTest, LatteTakesItsFramesOrOne) {
  DiffusersOptions options;
  options.frames = 1;
  const Graph image = LoadDiffusers(kFixtures / "latte", options).graph;
  EXPECT_EQ(image.output_shape(), (Shape{1, 8, 8, 8}));
  for (const auto& [name, shape] : image.parameters()) EXPECT_NE(name, "temp_pos_embed.weight");
  options.frames = 2;
  EXPECT_THROW(LoadDiffusers(kFixtures / "latte", options), Error);
}

TEST_F(CheckpointTest, DamagedFilesAreRefused) {
  for (const char* text : {"", "{", "[]", "null", "{\"_class_name\": 3}"}) {
    fs::remove_all(folder_ / "dit");
    const fs::path folder = Copy("dit");
    Write(folder / "config.json", text);
    EXPECT_THROW(LoadDiffusers(folder), Error) << text;
  }
  fs::remove_all(folder_ / "dit");
  const fs::path folder = Copy("dit"), weights = folder / "diffusion_pytorch_model.safetensors";
  const std::string whole = ReadFile(weights);
  for (const size_t size :
       {size_t{0}, size_t{7}, size_t{100}, whole.size() / 2, whole.size() - 1}) {
    Write(weights, whole.substr(0, size));
    EXPECT_THROW(LoadDiffusers(folder), Error) << size << " bytes";
  }
  std::string huge = whole;
  std::memset(huge.data(), 0xff, 7);  // a header of 2^56 bytes
  Write(weights, huge);
  EXPECT_THROW(LoadDiffusers(folder), Error);
  fs::remove(weights);
  ExpectError(folder, {"holds neither"});
}

TEST_F(CheckpointTest, IndexesStayInTheirFolder) {
  const fs::path folder = Copy("pixart");
  const fs::path index = folder / "diffusion_pytorch_model.safetensors.index.json";
  const std::string whole = ReadFile(index);
  const auto with = [&](const Json& file, const std::vector<std::string>& parts) {
    Write(index, whole);
    EditJson(index, [&](Json& json) { json["weight_map"]["proj_out.weight"] = file; });
    ExpectError(folder, parts);
  };
  with("../dit/diffusion_pytorch_model.safetensors", {"not a file beside it"});
  with("/etc/passwd", {"not a file beside it"});
  with("..", {"not a file beside it"});
  with("", {"not a file beside it"});
  with(7, {"names no file for proj_out.weight"});
  with("none.safetensors", {"none.safetensors"});
  // An index that names itself is no shard.
  with(index.filename().string(), {});
  Write(index, whole);
  EditJson(index, [](Json& json) {
    const Json other = json["weight_map"]["proj_out.weight"];
    for (auto& [name, file] : json["weight_map"].items()) {
      if (file != other) {
        json["weight_map"]["proj_out.weight"] = file;
        break;
      }
    }
  });
  ExpectError(folder, {"says that", "it does not"});
}

// Random damage anywhere: an error or a network, never a crash.
TEST_F(CheckpointTest, FuzzedFilesNeverCrash) {
  const fs::path folder = Copy("unet2d");
  RandomStream random(5, RandomPurpose::kTest);
  for (const char* name : {"diffusion_pytorch_model.safetensors", "config.json"}) {
    const std::string whole = ReadFile(folder / name);
    const size_t reach = std::min<size_t>(whole.size(), 6000);  // headers are what is parsed
    for (int round = 0; round < 150; ++round) {
      std::string damaged = whole;
      for (uint64_t i = 0; i <= random.Below(4); ++i) {
        damaged[random.Below(reach)] = static_cast<char>(random.Below(256));
      }
      Write(folder / name, damaged);
      try {
        LoadDiffusers(folder);
      } catch (const Error&) {
      }
    }
    Write(folder / name, whole);
  }
  EXPECT_NO_THROW(LoadDiffusers(folder));
}

// BitOps of one call, off the nodes: both operands at `bits`, softmax at 8, what has no sites 32.
double BitOpsOf(const Graph& graph, double bits) {
  double sum = 0;
  for (const Node& node : graph.nodes()) {
    const auto macs = static_cast<double>(node.macs);
    if (node.first_site < 0) {
      sum += macs * 32 * 32;
    } else if (node.kind == OpKind::kAttention) {
      sum += macs / 2 * (bits * bits + bits * 8);
    } else {
      sum += macs * bits * bits;
    }
  }
  return sum;
}

// Bytes of weights at `bits`, one float scale an output, and of all float parameters.
double BytesOf(const Graph& graph, double bits) {
  double sum = 0;
  for (const Node& node : graph.nodes()) {
    for (const auto& [role, shape] : node.parameters) {
      const auto elements = static_cast<double>(ElementsOf(shape));
      const bool packed = role == "weight" && node.first_site >= 0;
      sum += packed ? elements * bits / 8 + 4 * static_cast<double>(shape[0]) : 4 * elements;
    }
  }
  return sum;
}

// Real-size networks cost what diffusers' classes do (tests/fixtures/make_costs.py counted).
TEST_F(CheckpointTest, RealSizesCostWhatTheyShould) {
  const std::string path = std::string(TMPQ_SOURCE_DIR) + "/tests/fixtures/costs.json";
  for (const Json& c : ParseJson(ReadFile(path), path)) {
    Write(folder_ / "config.json", c["config"].dump());
    DiffusersOptions options;
    options.caption_tokens = c["tokens"];
    const Graph graph = BuildDiffusersGraph(folder_ / "config.json", options);
    int64_t parameters = graph.parameter_count();
    const std::set<std::string> computed = {"pos_embed.weight", "temp_pos_embed.weight",
                                            "pos_embed_temporal.weight", "image_rotary_emb.weight"};
    for (const auto& [name, shape] : graph.parameters()) {
      if (computed.count(name) > 0) parameters -= ElementsOf(shape);
    }
    EXPECT_EQ(parameters, c["parameters"].get<int64_t>()) << c["name"];
    EXPECT_EQ(graph.macs(), c["macs"].get<int64_t>()) << c["name"];
    std::printf("| %s | %.1f M | %.1f G |", c["name"].get<std::string>().c_str(), 1e-6 * parameters,
                1e-9 * static_cast<double>(graph.macs()));
    std::printf(" %.2f GB |", 4e-9 * static_cast<double>(graph.parameter_count()));
    for (const int bits : {8, 4}) {
      const auto candidate =
          Candidate::Uniform(TimestepSequence({500}, 1000),
                             UniformPolicy(graph.sites(), BitWidth::Of(bits), BitWidth::Of(bits)));
      const Costs costs = CostsOf(graph.sites(), candidate, 1);
      EXPECT_NEAR(costs.bitops / BitOpsOf(graph, bits), 1, 1e-12) << c["name"];
      // Panels are padded to whole ones.
      EXPECT_NEAR(static_cast<double>(costs.bytes) / BytesOf(graph, bits), 1, 2e-3) << c["name"];
      std::printf(" %.2f GB | %.1f T |", 1e-9 * static_cast<double>(costs.bytes),
                  1e-12 * costs.bitops);
    }
    std::printf("\n");
  }
}

TEST(PositionTest, FirstPositionIsZeroAngles) {
  const std::vector<float> values = SincosPositions2d(2, 3, 8, 3, 1);
  EXPECT_EQ(std::vector<float>(values.begin(), values.begin() + 8),
            (std::vector<float>{0, 0, 1, 1, 0, 0, 1, 1}));
  EXPECT_FLOAT_EQ(values[8], std::sin(1.0f));          // column 1
  EXPECT_FLOAT_EQ(values[3 * 8 + 4], std::sin(1.5f));  // row 1 of 2, as wide as 3
}

TEST(PositionTest, OneDimensionHasSinesThenCosines) {
  const std::vector<float> values = SincosPositions1d({0, 2}, 4);
  const auto f = [](double x) { return static_cast<float>(x); };
  EXPECT_EQ(values, (std::vector<float>{0, 0, 1, 1, f(std::sin(2.0)), f(std::sin(0.02)),
                                        f(std::cos(2.0)), f(std::cos(0.02))}));
}

TEST(PositionTest, RotaryPairsTurnWithColumnThenRow) {
  const std::vector<float> values = RotaryPositions2d({3}, {0, 5}, 8);
  const auto f = [](double x) { return static_cast<float>(x); };
  EXPECT_EQ(std::vector<float>(values.begin() + 8, values.end()),
            (std::vector<float>{f(std::cos(5.0)), f(std::sin(5.0)), f(std::cos(0.05)),
                                f(std::sin(0.05)), f(std::cos(3.0)), f(std::sin(3.0)),
                                f(std::cos(0.03)), f(std::sin(0.03))}));
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], 0.0f);
}

}  // namespace
}  // namespace tmpq
