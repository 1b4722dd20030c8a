#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "src/core/config.h"
#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/core/json.h"
#include "src/core/progress.h"
#include "src/core/random.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

TEST(HashTest, IsTheSameEverywhere) {
  // XXH3-128 of the empty string and of "tmpq", from the reference implementation.
  EXPECT_EQ(HashString("").Hex(), "99aa06d3014798d86001c324468d497f");
  Hasher hasher;
  for (const char* part : {"a", "", "bc", "defgh"})
    hasher.Update(std::as_bytes(std::span(part, std::string_view(part).size())));
  EXPECT_EQ(hasher.Finish(), HashString("abcdefgh"));
  EXPECT_EQ(HashFromHex(HashString("x").Hex(), "test"), HashString("x"));
  for (const char* text :
       {"", "12", "g9aa06d3014798d86001c324468d497f", "99aa06d3014798d86001c324468d497f0"}) {
    EXPECT_THROW(HashFromHex(text, "test"), Error) << text;
  }
}

TEST(RandomTest, StreamsAreIndependentAndUniform) {
  RandomStream a(1, RandomPurpose::kTest), same(1, RandomPurpose::kTest),
      other(1, RandomPurpose::kTest, 1), purpose(1, RandomPurpose::kProposal),
      seed(2, RandomPurpose::kTest);
  const uint64_t first = a.NextU64();
  EXPECT_EQ(first, same.NextU64());
  EXPECT_NE(first, other.NextU64());
  EXPECT_NE(first, purpose.NextU64());
  EXPECT_NE(first, seed.NextU64());
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[a.Below(7)];
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 10'000) * (count - 10'000) / 10'000.0;
  EXPECT_LT(chi_squared, 22.5);  // 99.9 % for 6 degrees of freedom
  EXPECT_EQ(a.Below(1), 0u);
}

TEST(RandomTest, NormalNumbersDoNotDependOnHowManyAreAsked) {
  std::vector<float> all(1001), some(10);
  FillNormal(3, RandomPurpose::kTest, 5, all);
  FillNormal(3, RandomPurpose::kTest, 5, some);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  FillNormal(3, RandomPurpose::kTest, 6, some);
  EXPECT_FALSE(std::equal(some.begin(), some.end(), all.begin()));
}

TEST(RandomTest, ShuffleKeepsTheElements) {
  std::vector<int> values(100), sorted(100);
  std::iota(values.begin(), values.end(), 0);
  sorted = values;
  RandomStream random(4, RandomPurpose::kTest);
  random.Shuffle(std::span(values));
  EXPECT_NE(values, sorted);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

struct SomeConfig {
  int steps = 5;
  double rate = 0.25;
  bool fast = false;
  std::string name = "x";
  std::vector<int> bits = {4, 8};
  uint64_t seed = 1;

  template <typename V>
  void ForEachField(V&& visit) {
    visit("steps", steps, "how many"), visit("rate", rate, "how fast"),
        visit("fast", fast, "or not");
    visit("name", name, "of it"), visit("bits", bits, "widths"), visit("seed", seed, "of noise");
  }
};

TEST(ConfigTest, ValuesAreAppliedAndPrinted) {
  SomeConfig config;
  ApplyValues(config, {{"steps", "7"}, {"bits", "2,3,4"}, {"fast", "true"}, {"rate", "1e-3"}},
              "test");
  EXPECT_EQ(ConfigText(config),
            "steps = 7\nrate = 0.001\nfast = true\nname = x\nbits = 2,3,4\nseed = 1\n");
  EXPECT_EQ(ChangedText(config), "steps = 7\nrate = 0.001\nfast = true\nbits = 2,3,4\n");
  EXPECT_EQ(ChangedText(SomeConfig()), "");
}

TEST(ConfigTest, BadValuesNameKeyAndPlace) {
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"steps", "many"},
                                                        {"steps", "7.5"},
                                                        {"steps", ""},
                                                        {"steps", "99999999999"},
                                                        {"rate", "x"},
                                                        {"rate", "nan"},
                                                        {"fast", "maybe"},
                                                        {"bits", "4,,8"},
                                                        {"bits", "4;8"},
                                                        {"seed", "-1"},
                                                        {"stepz", "5"}}) {
    SomeConfig config;
    try {
      ApplyValues(config, {{key, value}}, "here");
      ADD_FAILURE() << key << " = " << value << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), 2);
      EXPECT_NE(std::string(error.what()).find("here"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

TEST(ConfigTest, IniFilesHaveSectionsAndComments) {
  const auto path = TestPath();
  WriteFileAtomically(path, "# comment\nsteps = 3\n[model]\nwidth = 12\n");
  EXPECT_EQ(ReadIni(path),
            (std::map<std::string, std::string>{{"steps", "3"}, {"model.width", "12"}}));
  WriteFileAtomically(path, "steps = 3\nnonsense\n");
  EXPECT_THROW(ReadIni(path), Error);
  EXPECT_THROW(ReadIni(path), Error);
}

TEST(JsonTest, ErrorsNameThePlace) {
  EXPECT_THROW(ParseJson("{", "file"), Error);
  const Json json = ParseJson(R"({"a": 1, "b": "x"})", "file");
  EXPECT_EQ(JsonGet<int>(json, "a", "file"), 1);
  EXPECT_THROW(JsonGet<int>(json, "b", "file"), Error);
  EXPECT_THROW(JsonGet<int>(json, "c", "file"), Error);
  EXPECT_THROW(JsonGet<int>(Json::array(), "c", "file"), Error);
}

TEST(ErrorTest, SaysWhatWhereAndWhatWouldBeRight) {
  const Error error(ErrorCode::kUsage, "--steps", "is 0", "at least 1");
  EXPECT_STREQ(error.what(), "--steps: is 0; at least 1");
  EXPECT_EQ(error.exit_code(), 2);
  EXPECT_EQ(Error(ErrorCode::kIo, "a", "b").exit_code(), 1);
  EXPECT_THROW(CheckRange("x", 5, 1, 4), Error);
  EXPECT_THROW(CheckRange("x", NAN, 1, 4), Error);
  EXPECT_NO_THROW(CheckRange("x", 4, 1, 4));
}

TEST(ProgressTest, FormatsDurations) {
  EXPECT_EQ(FormatSeconds(12.34), "12.3s");
  EXPECT_EQ(FormatSeconds(185), "3m05s");
  EXPECT_EQ(FormatSeconds(3725), "1h02m");
}

struct RangeConfig {
  IntRange steps = IntRange::Of(20);
  template <typename V>
  void ForEachField(V&& visit) {
    visit("steps", steps, "a number, or a range");
  }
};

TEST(IntRangeTest, IsANumberOrARange) {
  RangeConfig config;
  EXPECT_EQ(ConfigText(config), "steps = 20\n");
  ApplyValues(config, {{"steps", "5..20"}}, "test");
  EXPECT_EQ(config.steps, (IntRange{5, 20}));
  EXPECT_EQ(ConfigText(config), "steps = 5..20\n");
  ApplyValues(config, {{"steps", "7..7"}}, "test");
  EXPECT_EQ(ConfigText(config), "steps = 7\n");
  for (const char* wrong : {"", "..", "5..", "..5", "5...7", "7..5", "5..x", "5-7", "1..2..3"}) {
    EXPECT_THROW(ApplyValues(config, {{"steps", wrong}}, "test"), Error) << wrong;
  }
}

}  // namespace
}  // namespace tmpq
