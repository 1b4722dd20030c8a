// tmpq-eval on files, as other tools write them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "src/core/file.h"
#include "src/core/json.h"
#include "src/core/random.h"
#include "src/data/image_writer.h"
#include "src/metrics/frechet.h"
#include "tests/programs/process.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

// NumPy format 1.0 around raw bytes.
std::string Npy(const std::string& type, const std::string& shape, std::string_view payload,
                const std::string& fortran = "False") {
  const std::string header =
      "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': (" + shape + "), }\n";
  std::string bytes = "\x93NUMPY";
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header + std::string(payload);
}

std::string FloatNpy(const std::string& shape, const std::vector<float>& values) {
  return Npy("<f4", shape,
             {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
}

std::vector<float> Normal(size_t count, uint64_t stream, float scale = 1, float shift = 0) {
  std::vector<float> values(count);
  FillNormal(3, RandomPurpose::kTest, stream, values);
  for (float& value : values) value = value * scale + shift;
  return values;
}

class EvalTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder_ / name).parent_path());
    WriteFileAtomically(folder_ / name, std::string_view(bytes));
    return folder_ / name;
  }
  // A folder of `count` PNGs of random 28 x 28 grey images.
  std::string WriteImages(const std::string& name, int count, uint64_t stream) {
    for (int i = 0; i < count; ++i) {
      const auto values = Normal(28 * 28, stream + i, 0.5f);
      Write(name + "/" + std::to_string(100 + i) + ".png",
            EncodePngGrid({values, 1, 28, 28, 1}, 1, 1));
    }
    return folder_ / name;
  }

  static Json Measure(Arguments arguments) {
    arguments.push_back("--json");
    const ProcessResult result = RunProcess("tmpq-eval", arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return ParseJson(result.out, "tmpq-eval");
  }
  // One line on stderr that holds `part`, nothing on stdout.
  static void ExpectError(int code, const std::string& part, const Arguments& arguments) {
    const ProcessResult result = RunProcess("tmpq-eval", arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }

  const fs::path folder_ = fs::temp_directory_path() / ("tmpq-eval-" + std::to_string(getpid()));
};

TEST_F(EvalTest, FeatureArraysAndStatistics) {
  const auto a = Normal(200 * 6, 1), b = Normal(220 * 6, 2, 1, 0.5f);
  const std::string samples = Write("a.npy", FloatNpy("200, 6", a)),
                    reference = Write("b.npy", FloatNpy("220, 6", b));
  const Json metrics = Measure({"--samples", samples, "--reference", reference, "--metrics",
                                "fd,fd_infinity,kid,precision,recall,density,coverage"})["metrics"];
  const FrechetReference expected(StatisticsOf(b, 6, Hash128{}));
  const Estimate distance = EstimateFrechet(expected, a, Hash128{});
  EXPECT_EQ(metrics["fd"]["value"], distance.value);
  EXPECT_EQ(metrics["fd"]["low"], distance.low);
  EXPECT_EQ(metrics["fd"]["n"], 200);
  for (const Json& metric : metrics) EXPECT_LE(metric["low"], metric["high"]);
  const std::string statistics = folder_ / "stats.safetensors";
  WriteFeatureStatistics(expected.statistics(), statistics);
  EXPECT_EQ(
      Measure({"--samples", samples, "--reference", statistics, "--metrics=fd"})["metrics"]["fd"],
      metrics["fd"]);
  ExpectError(2, "names no samples",
              {"--samples", samples, "--reference", statistics, "--metrics=kid"});
  EXPECT_EQ(Measure({"--samples", samples, "--metrics=class_score"})["metrics"].size(), 1u);
}

// PNG folders and arrays of the same images give the same numbers, on any number of threads.
TEST_F(EvalTest, ImagesThroughABundledNetwork) {
  const std::string samples = WriteImages("a", 40, 10), reference = WriteImages("b", 30, 100);
  std::string pixels;
  for (int i = 0; i < 40; ++i) {
    for (const float value : Normal(28 * 28, 10 + i, 0.5f))
      pixels += static_cast<char>(PixelOf(value));
  }
  const std::string array = Write("a.npy", Npy("|u1", "40, 28, 28, 1", pixels));
  const Arguments common = {"--reference", reference, "--feature-net=fashion-features",
                            "--metrics=fd,kid,precision"};
  const auto with = [&](Arguments more) {
    more.insert(more.end(), common.begin(), common.end());
    return Measure(more);
  };
  const Json metrics = with({"--samples", samples, "--threads=1"})["metrics"];
  EXPECT_EQ(metrics, with({"--samples", array, "--threads=3"})["metrics"]);
  EXPECT_EQ(with({"--samples", array})["feature_net"]["name"], "fashion-features");
  const std::string bundled =
      TMPQ_SOURCE_DIR "/checkpoints/fashion-features/statistics.safetensors";
  EXPECT_EQ(Measure({"--samples", samples, "--reference", bundled, "--metrics=fd",
                     "--feature-net=fashion-features"})["metrics"]["fd"]["n"],
            40);
  ExpectError(
      1, "was made with feature network",
      {"--samples", Write("c.npy", Npy("|u1", "3, 32, 32, 3", std::string(9216, 'x'))),
       "--reference", TMPQ_SOURCE_DIR "/checkpoints/fashion-features/statistics.safetensors",
       "--metrics=fd", "--feature-net=scenes-features"});
}

TEST_F(EvalTest, PairsAndClips) {
  const auto base = Normal(3 * 4 * 16 * 16, 20, 0.3f);
  std::vector<float> noisy = base;
  const auto noise = Normal(base.size(), 21, 0.05f);
  for (size_t i = 0; i < noisy.size(); ++i) noisy[i] += noise[i];
  const std::string shape = "3, 4, 16, 16, 1";
  const std::string samples = Write("a.npy", FloatNpy(shape, noisy)),
                    reference = Write("b.npy", FloatNpy(shape, base));
  const Json metrics = Measure(
      {"--samples", samples, "--reference", reference, "--metrics",
       "psnr,sqnr,ssim,ssim_gaussian,sharpness,delta_sharpness,flicker,flicker_vbench,flow_score,"
       "delta_flow_score,flow_change,warping_error,delta_flicker"})["metrics"];
  EXPECT_EQ(metrics.size(), 13u);
  EXPECT_NEAR(metrics["psnr"]["value"].get<double>(), 10 * std::log10(4 / 0.0025), 0.3);
  EXPECT_GT(metrics["ssim"]["value"], 0.8);
  EXPECT_NEAR(metrics["flicker_vbench"]["value"].get<double>(),
              1 - metrics["flicker"]["value"].get<double>() / 2, 1e-12);
  const Json swapped = Measure(
      {"--samples", reference, "--reference", samples, "--metrics=delta_sharpness"})["metrics"];
  EXPECT_EQ(metrics["delta_sharpness"]["low"].get<double>(),
            -swapped["delta_sharpness"]["high"].get<double>());
  EXPECT_NE(metrics["delta_sharpness"]["value"], 0);
  EXPECT_EQ(metrics["psnr"]["unit"], "dB");
  const ProcessResult lines =
      RunProcess("tmpq-eval", {"--samples", samples, "--reference", reference, "--metrics=psnr"});
  EXPECT_NE(lines.out.find("psnr"), std::string::npos);
  EXPECT_NE(lines.out.find("n = 3, dB"), std::string::npos);
}

// A network of clips sees a clip as one sample; frames are resized, their number must fit.
TEST_F(EvalTest, ClipsThroughABundledNetwork) {
  const auto clips = [&](const std::string& name, int64_t side, int64_t frames) {
    const std::string shape = "6, " + std::to_string(frames) + ", " + std::to_string(side) + ", " +
                              std::to_string(side) + ", 3";
    return Write(name, FloatNpy(shape, Normal(6 * frames * side * side * 3, 40, 0.3f)));
  };
  const std::string fitting = clips("a.npy", 16, 8);
  const Arguments common = {"--reference", fitting, "--metrics=fd,kid",
                            "--feature-net=sprites-features"};
  const auto with = [&](const std::string& samples, Arguments more = {}) {
    more.insert(more.end(), {"--samples", samples});
    more.insert(more.end(), common.begin(), common.end());
    return more;
  };
  EXPECT_LT(Measure(with(fitting))["metrics"]["fd"]["value"], 1e-6);
  const Json bicubic = Measure(with(clips("b.npy", 20, 8))),
             bilinear = Measure(with(clips("b.npy", 20, 8), {"--resize=bilinear"}));
  EXPECT_EQ(bicubic["feature_net"]["preprocessing"]["filter"], "bicubic");
  EXPECT_EQ(bilinear["feature_net"]["preprocessing"]["filter"], "bilinear");
  EXPECT_NE(bicubic["metrics"]["fd"]["value"], bilinear["metrics"]["fd"]["value"]);
  ExpectError(1, "takes (8, 16, 16, 3)", with(clips("c.npy", 16, 4)));
}

// Features, maps and logits of one network. A narrow Inception is none: results keep our names.
TEST_F(EvalTest, AllThatInceptionSays) {
  const std::string network =
      TMPQ_SOURCE_DIR "/tests/fixtures/feature_networks/inception/weights.safetensors";
  const std::string samples = WriteImages("a", 20, 50);
  const Json result = Measure({"--samples", samples, "--reference", WriteImages("b", 20, 80),
                               "--metrics=fd,kid,sfd,class_score", "--feature-net", network});
  EXPECT_EQ(result["feature_net"]["name"], "inception-v3");
  for (const char* name : {"fd", "kid", "sfd", "class_score"}) {
    EXPECT_TRUE(result["metrics"].contains(name)) << result;
  }
  EXPECT_EQ(Measure({"--samples", samples, "--reference", samples, "--metrics=sfd", "--feature-net",
                     network})["metrics"]["sfd"]["low"],
            0);
  ExpectError(
      1, "pt_inception-2015-12-05",
      {"--samples", samples, "--reference", samples, "--metrics=fd", "--feature-net=inception"});
  ExpectError(1, "has no spatial maps",
              {"--samples", samples, "--reference", samples, "--metrics=sfd",
               "--feature-net=fashion-features"});
  EXPECT_TRUE(Measure({"--samples", samples, "--metrics=class_score",
                       "--feature-net=fashion-features"})["metrics"]
                  .contains("class_score"));
}

TEST_F(EvalTest, Errors) {
  const std::string good = Write("good.npy", FloatNpy("12, 3", Normal(36, 30)));
  ExpectError(2, "--samples: is missing", {"--metrics=fd"});
  ExpectError(2, "\"fid\" is unknown", {"--samples", good, "--metrics=fid"});
  ExpectError(2, "names no samples", {"--samples", good, "--metrics=kid"});
  ExpectError(1, "none.npy: cannot open",
              {"--samples", folder_ / "none.npy", "--metrics=class_score"});
  ExpectError(1, "none: does not exist", {"--samples", folder_ / "none", "--metrics=sharpness"});
  // Too few, and other sizes.
  const std::string one = Write("one.npy", FloatNpy("1, 3", Normal(3, 31)));
  ExpectError(1, "at least 2", {"--samples", one, "--reference", good, "--metrics=fd"});
  ExpectError(1, "12 to 16384 a side are needed",
              {"--samples", Write("six.npy", FloatNpy("6, 3", Normal(18, 31))), "--reference", good,
               "--metrics=recall"});
  ExpectError(1, "dimension 2",
              {"--samples", good, "--reference",
               Write("flat.npy", FloatNpy("18, 2", Normal(36, 32))), "--metrics=fd"});
  ExpectError(
      1, "has the shape (36)",
      {"--samples", Write("row.npy", FloatNpy("36,", Normal(36, 32))), "--metrics=class_score"});
  std::vector<float> broken = Normal(36, 33);
  broken[7] = NAN;
  ExpectError(1, "holds nan in sample 2",
              {"--samples", Write("nan.npy", FloatNpy("12, 3", broken)), "--reference", good,
               "--metrics=fd"});
  // Files.
  fs::create_directories(folder_ / "empty");
  ExpectError(1, "holds no PNG", {"--samples", folder_ / "empty", "--metrics=sharpness"});
  Write("bad/1.png", "\x89PNG\r\n\x1a\n");
  ExpectError(1, "1.png: is a truncated PNG",
              {"--samples", folder_ / "bad", "--metrics=sharpness"});
  ExpectError(1, "is truncated",
              {"--samples", Write("cut.npy", FloatNpy("12, 3", {1, 2})), "--metrics=class_score"});
  ExpectError(1, "Fortran order",
              {"--samples", Write("f.npy", Npy("|u1", "1, 2", "ab", "True")), "--metrics=fd"});
  ExpectError(2, "is no sample file", {"--samples", Write("a.txt", "x"), "--metrics=fd"});
}

TEST_F(EvalTest, RangesAreToldApart) {
  const auto image = [&](const std::string& name, float scale, float shift) {
    std::vector<float> values;
    for (int i = 0; i < 2 * 64; ++i) values.push_back(static_cast<float>(i) / 127 * scale + shift);
    return Write(name, FloatNpy("2, 8, 8, 1", values));
  };
  const std::string signed_range = image("signed.npy", 2, -1);
  const auto against = [&](const std::string& other) {
    return Arguments{"--samples", signed_range, "--reference", other, "--metrics=psnr"};
  };
  ExpectError(1, "the range [0, 1]", against(image("unit.npy", 1, 0)));
  ExpectError(1, "as bytes [0, 255] have", against(image("bytes.npy", 255, 0)));
  ExpectError(1, "from -3 to 3", against(image("normalised.npy", 6, -3)));
  ExpectError(1, "pairs need that of",
              against(Write("small.npy", FloatNpy("1, 8, 8, 1", Normal(64, 1, 0.3f)))));
  ExpectError(2, "--feature-net: is missing",
              {"--samples", signed_range, "--reference", signed_range, "--metrics=fd"});
  ExpectError(2, "resize filter cubic",
              {"--samples", signed_range, "--reference", signed_range, "--metrics=fd",
               "--feature-net=fashion-features", "--resize=cubic"});
  const Json metrics = Measure({"--samples", signed_range, "--reference", signed_range,
                                "--metrics=fd", "--feature-net=fashion-features"});
  EXPECT_LT(metrics["metrics"]["fd"]["value"], 1e-6);
}

}  // namespace
}  // namespace tmpq
