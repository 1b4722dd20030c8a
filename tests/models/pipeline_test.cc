// Pipelines' folders: what is in them, and everything that can be wrong with their index, and with
// the folders of encoders and autoencoders.
#include "src/models/pipeline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/models/autoencoder.h"
#include "src/models/encoder.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures";

class PipelineTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_ / "unet");
  }

  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  // What `call` throws says `part`.
  static void ExpectError(const std::string& part, auto call) {
    try {
      call();
      ADD_FAILURE() << "no error about " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << part << " not in: " << error.what();
    }
  }
  void ExpectIndexError(const std::string& part, const Json& members) const {
    Json index = {{"_class_name", "P"}, {"unet", {"diffusers", "UNet2DModel"}}};
    index.update(members);
    Write(folder_ / "model_index.json", index.dump());
    ExpectError(part, [&] { LoadPipeline(folder_); });
  }
  // A copy of a fixture to damage.
  fs::path Copy(const std::string& name) const {
    const fs::path copy = folder_ / name;
    fs::remove_all(copy);
    fs::create_directories(copy.parent_path());
    fs::copy(kFixtures / name, copy, fs::copy_options::recursive);
    return copy;
  }

  fs::path folder_;
};

TEST_F(PipelineTest, ComponentsAreListedByKind) {
  const Pipeline pipeline = LoadPipeline(kFixtures / "pipeline");
  EXPECT_EQ(pipeline.class_name, "StableDiffusionPipeline");
  const auto only = [&](ComponentKind kind) {
    const auto names = pipeline.NamesOf(kind);
    return names.size() == 1 ? names[0] : std::to_string(names.size()) + " components";
  };
  EXPECT_EQ(only(ComponentKind::kDenoiser), "unet");
  EXPECT_EQ(only(ComponentKind::kAutoencoder), "vae");
  EXPECT_EQ(only(ComponentKind::kEncoder), "text_encoder");
  EXPECT_EQ(only(ComponentKind::kTokenizer), "tokenizer");
  EXPECT_EQ(only(ComponentKind::kScheduler), "scheduler");
  EXPECT_EQ(pipeline.Get("vae").class_name, "AutoencoderKL");
  EXPECT_EQ(pipeline.settings["requires_safety_checker"], false);
  ExpectError("text_encoder_2", [&] { pipeline.Get("text_encoder_2"); });
}

TEST_F(PipelineTest, UnknownClassesAreListedAndAbsentOnesAreNot) {
  fs::create_directories(folder_ / "safety_checker");
  Write(folder_ / "model_index.json",
        R"({"_class_name": "P", "unet": ["diffusers", "UNet2DModel"], "vae": [null, null],
            "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]})");
  const Pipeline pipeline = LoadPipeline(folder_);
  EXPECT_EQ(pipeline.components.size(), 2u);
  EXPECT_EQ(pipeline.Get("safety_checker").kind, ComponentKind::kOther);
}

TEST_F(PipelineTest, NamesStayInsideTheFolder) {
  const Json vae = {"diffusers", "AutoencoderKL"};
  ExpectIndexError("vae has no folder", {{"vae", vae}});
  for (const char* name : {"..", ".", "", "../other", "a/b", "/etc", "a\\b", "C:"}) {
    ExpectIndexError("not the name of a folder", {{name, vae}});
  }
  Write(folder_ / "vae", "a file");
  ExpectIndexError("vae has no folder", {{"vae", vae}});
  const auto linked = [&](const fs::path& target) {
    fs::remove(folder_ / "vae");
    fs::create_directory_symlink(target, folder_ / "vae");
  };
  linked("..");
  ExpectIndexError("vae lies outside", {{"vae", vae}});
  linked("vae");  // itself
  ExpectIndexError("vae has no folder", {{"vae", vae}});
  linked(".");  // the pipeline
  ExpectIndexError("vae lies outside", {{"vae", vae}});
  linked("unet");  // inside
  EXPECT_EQ(LoadPipeline(folder_).components.size(), 2u);
}

TEST_F(PipelineTest, IndexesThatAreNoneAreRefused) {
  for (const char* text :
       {"", "[]", "null", "{}", "{\"_class_name\": 3}", "{\"_class_name\": \"P\", \"vae\": 1}"}) {
    Write(folder_ / "model_index.json", text);
    ExpectError("model_index.json", [&] { LoadPipeline(folder_); });
  }
  ExpectError("nowhere", [&] { LoadPipeline(folder_ / "nowhere"); });
}

TEST_F(PipelineTest, ConfigsThatAskForMoreAreRefused) {
  const auto refused = [&](const char* fixture, const char* key, const Json& value,
                           const char* named = nullptr) {
    const fs::path copy = Copy(std::string("encoders/") + fixture);
    Json config = ParseJson(ReadFile(copy / "config.json"), "test");
    config[key] = value;
    Write(copy / "config.json", config.dump());
    ExpectError(named != nullptr ? named : key, [&] {
      std::string(fixture) == "vae" ? (void)LoadAutoencoder(copy) : (void)LoadEncoder(copy);
    });
  };
  refused("vae", "act_fn", "mish");
  refused("vae", "down_block_types", Json::array({"DownEncoderBlock2D", "AttnDownEncoderBlock2D"}));
  refused("vae", "block_out_channels", Json::array({8, 1LL << 40}));
  refused("vae", "_class_name", "AutoencoderDC");
  refused("vae", "sample_size", 15, "does not halve");
  refused("vae", "layers_per_block", 3, "missing");
  refused("vae", "use_quant_conv", false, "quant_conv.weight is unknown");
  refused("clip-text", "architectures", Json::array({"GPT2Model"}));
  refused("clip-text", "hidden_act", "relu");
  refused("clip-text", "num_attention_heads", 3, "multiple of heads");
  refused("clip-text", "num_hidden_layers", 1, "needs 2 layers");
  refused("clip-text", "vocab_size", 98, "token_embedding");
  refused("clip", "text_config", 3, "text_config");
  refused("clip-vision", "patch_size", 32, "window exceeds input");
  refused("t5", "feed_forward_proj", "relu");
  refused("t5", "relative_attention_num_buckets", 16, "relative positions");
  refused("t5", "d_kv", 7, "SelfAttention.q.weight");
  refused("bert", "hidden_act", "relu");
  refused("bert", "position_embedding_type", "relative_key");
  refused("bert", "max_position_embeddings", 41, "position_embeddings.weight is (40, 18)");
  refused("bert", "num_hidden_layers", 3, "encoder.layer.2.attention.self.key.bias is missing");
  EXPECT_THROW(LoadEncoder(Copy("encoders/bert"), {.tokens = 41}), Error);
}

// Random damage anywhere: an error or a network, never a crash.
TEST_F(PipelineTest, FuzzedFilesNeverCrash) {
  RandomStream random(8, RandomPurpose::kTest);
  const auto fuzz = [&](const fs::path& file, int rounds, auto load) {
    const std::string whole = ReadFile(file);
    const size_t reach = std::min<size_t>(whole.size(), 6000);  // headers are what is parsed
    for (int round = 0; round < rounds; ++round) {
      std::string damaged = whole;
      if (round % 6 == 0) damaged.resize(random.Below(whole.size()));
      for (uint64_t i = 0; i <= random.Below(4) && !damaged.empty(); ++i) {
        damaged[random.Below(std::min(reach, damaged.size()))] =
            static_cast<char>(random.Below(256));
      }
      Write(file, damaged);
      try {
        load();
      } catch (const Error&) {
      }
    }
    Write(file, whole);
    EXPECT_NO_THROW(load());
  };
  const fs::path pipeline = Copy("pipeline");
  fuzz(pipeline / "model_index.json", 100, [&] { LoadPipeline(pipeline); });
  const fs::path vae = Copy("encoders/vae"), text = Copy("encoders/clip-text"),
                 t5 = Copy("encoders/t5-sharded"), bert = Copy("encoders/bert");
  for (const char* name : {"config.json", "diffusion_pytorch_model.safetensors"}) {
    fuzz(vae / name, 60, [&] { LoadAutoencoder(vae); });
  }
  for (const char* name : {"config.json", "model.safetensors"}) {
    fuzz(text / name, 60, [&] { LoadEncoder(text); });
    fuzz(bert / name, 60, [&] { LoadEncoder(bert); });
  }
  for (const char* name :
       {"config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors"}) {
    fuzz(t5 / name, 60, [&] { LoadEncoder(t5, {.tokens = 12}); });
  }
}

}  // namespace
}  // namespace tmpq
