// Tokenizers give the token ids that transformers gives (tests/fixtures/make_tokenizers.py), and
// refuse what is no tokenizer.
#include "src/text/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/json.h"
#include "src/core/random.h"
#include "src/text/byte_pairs.h"
#include "src/text/clip_tokenizer.h"
#include "src/text/unicode.h"
#include "src/text/wordpiece_tokenizer.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(TMPQ_SOURCE_DIR) / "tests/fixtures/tokenizers";

Json CasesOf(const char* name) {
  const fs::path path = kFixtures / name / "cases.json";
  return ParseJson(ReadFile(path), path.string());
}

class TokenizerTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = TestPath();
    fs::create_directories(folder_);
  }

  fs::path Copy(const char* name) {
    fs::remove_all(folder_ / name);
    fs::copy(kFixtures / name, folder_ / name, fs::copy_options::recursive);
    return folder_ / name;
  }
  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static void ExpectError(const fs::path& folder, const std::string& part) {
    try {
      LoadTokenizer(folder);
      ADD_FAILURE() << folder << " was read; it should say " << part;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << part << " not in: " << error.what();
    }
  }

  fs::path folder_;
};

TEST_F(TokenizerTest, ClipEqualsTransformers) {
  const Json cases = CasesOf("clip");
  const auto strings = cases["strings"].get<std::vector<std::string>>();
  ASSERT_GE(strings.size(), 40u);
  for (const std::string pad : {"<|endoftext|>", "!"}) {
    const fs::path folder = Copy("clip");
    Write(folder / "special_tokens_map.json", Json{{"pad_token", {{"content", pad}}}}.dump());
    Write(folder / "tokenizer_config.json", "{}");
    const auto tokenizer = LoadTokenizer(folder);
    for (size_t i = 0; i < strings.size(); ++i) {
      EXPECT_EQ(tokenizer->Encode(strings[i], 77).ids,
                cases["ids"][pad][i].get<std::vector<int32_t>>())
          << strings[i] << " with padding " << pad;
    }
  }
}

TEST_F(TokenizerTest, T5EqualsTransformers) {
  const Json cases = CasesOf("t5");
  const auto strings = cases["strings"].get<std::vector<std::string>>();
  const auto tokenizer = LoadTokenizer(kFixtures / "t5");
  EXPECT_EQ(tokenizer->id_limit(), cases["pieces"].get<int>() + 100);
  for (size_t i = 0; i < strings.size(); ++i) {
    const TokenizedText text = tokenizer->Encode(strings[i], 60);
    EXPECT_EQ(text.ids, cases["ids"][i].get<std::vector<int32_t>>()) << strings[i];
    const auto used = std::count(text.mask.begin(), text.mask.end(), 1);
    EXPECT_EQ(used, cases["lengths"][i].get<int64_t>()) << strings[i];
  }
}

TEST_F(TokenizerTest, BertEqualsTransformers) {
  const Json cases = CasesOf("bert");
  const auto strings = cases["strings"].get<std::vector<std::string>>();
  ASSERT_EQ(cases["cases"].size(), 5u);
  for (const Json& c : cases["cases"]) {
    const fs::path folder = Copy("bert");
    Write(folder / "tokenizer_config.json", c["options"].dump());
    const auto tokenizer = LoadTokenizer(folder);
    for (size_t i = 0; i < strings.size(); ++i) {
      auto expected = c["ids"][i].get<std::vector<int32_t>>();
      const auto used = static_cast<int64_t>(expected.size());
      expected.resize(77, 0);  // [PAD] is the first token
      const TokenizedText text = tokenizer->Encode(strings[i], 77);
      EXPECT_EQ(text.ids, expected) << strings[i] << " with " << c["options"];
      EXPECT_EQ(std::count(text.mask.begin(), text.mask.end(), 1), used) << strings[i];
    }
  }
}

TEST_F(TokenizerTest, BertWordsAreCleanedAndSplit) {
  std::vector<std::string> words;
  const auto split = [&](const char* text, const BertWordOptions& options) {
    words.clear();
    ForEachBertWord(text, options, [&](std::u32string_view word) {
      words.emplace_back();
      for (const char32_t c : word) AppendUtf8(c, words.back());
    });
    return words;
  };
  using Words = std::vector<std::string>;
  EXPECT_EQ(split("Café-Ön\u200b猫a", {}), (Words{"cafe", "-", "on", "猫", "a"}));
  EXPECT_EQ(split("Café 猫a", {.strip_accents = false, .split_ideographs = false}),
            (Words{"café", "猫a"}));
  EXPECT_EQ(split("É", {.lower_case = false}), Words{"E"});
  EXPECT_EQ(split(" \t\n", {}), Words{});
}

TEST_F(TokenizerTest, LengthsAreKept) {
  for (const char* name : {"clip", "t5", "bert"}) {
    const auto tokenizer = LoadTokenizer(kFixtures / name);
    const TokenizedText two = tokenizer->Encode("a cat and a dog", 2);
    EXPECT_EQ(two.mask, (std::vector<int32_t>{1, 1}));
    EXPECT_EQ(two.ids.size(), 2u);
    EXPECT_THROW(tokenizer->Encode("", 1), Error);
    // A megabyte of one word takes n log n, not n^2.
    EXPECT_EQ(tokenizer->Encode(std::string(1 << 20, 'a'), 10).ids.size(), 10u);
  }
}

TEST_F(TokenizerTest, WordsSplitAsClipsExpressionDoes) {
  std::vector<std::string> words;
  ForEachClipWord("It's ''ll 12ab!?c", [&](auto word) { words.emplace_back(word); });
  EXPECT_EQ(words, (std::vector<std::string>{"it", "'s", "''", "ll", "1", "2", "ab", "!?", "c"}));
}

TEST_F(TokenizerTest, IllFormedTextIsReadWithReplacements) {
  const auto tokenizer = LoadTokenizer(kFixtures / "clip");
  EXPECT_EQ(tokenizer->Encode("cat \xff\xfe dog \xe2\x82", 20).ids,
            tokenizer->Encode("cat \ufffd\ufffd dog \ufffd", 20).ids);
  EXPECT_EQ(SingleSpaces("  a \xc0 \t b ", U""), "a \ufffd b");
}

TEST_F(TokenizerTest, DamagedFilesAreNamed) {
  fs::path folder = Copy("clip");
  Write(folder / "merges.txt", "#version: 0.2\ni n\nzz zz\n");
  ExpectError(folder, "merges.txt: line 3");
  Write(folder / "merges.txt", "in\n");
  ExpectError(folder, "merges.txt: line 1");
  folder = Copy("clip");
  Write(folder / "vocab.json", R"({"a": 1, "b": -2})");
  ExpectError(folder, "\"b\" has a bad id");
  Write(folder / "vocab.json", R"({"a": 1, "b": 99999999999})");
  ExpectError(folder, "\"b\" has a bad id");
  Write(folder / "vocab.json", "[1]");
  ExpectError(folder, "vocab.json");
  folder = Copy("clip");
  Write(folder / "tokenizer_config.json", R"({"pad_token": "<missing>"})");
  ExpectError(folder, "pad_token");
  fs::remove(folder / "merges.txt");
  ExpectError(folder, "no tokenizer that is known");
  ExpectError(folder_ / "nowhere", "is no folder");
  folder = Copy("t5");
  Write(folder / "spiece.model", "not a model");
  ExpectError(folder, "spiece.model");
  const std::string score_only("\x0a\x05\x15\0\0\0\0", 7);  // one piece, which has no text
  Write(folder / "spiece.model", score_only);
  ExpectError(folder, "has a piece with no text");
  Write(folder / "spiece.model", "");
  ExpectError(folder, "has no pieces");
}

TEST_F(TokenizerTest, DamagedBertFilesAreNamed) {
  fs::path folder = Copy("bert");
  Write(folder / "vocab.txt", "[PAD]\n[UNK]\n[SEP]\na\n");
  ExpectError(folder, "vocab.txt: cls_token \"[CLS]\" is not in the vocabulary");
  Write(folder / "vocab.txt", "");
  ExpectError(folder, "vocab.txt");
  folder = Copy("bert");
  Write(folder / "tokenizer_config.json", R"({"do_basic_tokenize": false})");
  ExpectError(folder, "do_basic_tokenize is false");
  Write(folder / "tokenizer_config.json", R"({"do_lower_case": "yes"})");
  ExpectError(folder, "do_lower_case");
  // Lines of another system, and none after the last token.
  folder = Copy("bert");
  Write(folder / "vocab.txt", "[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\ncat\r\n##s");
  EXPECT_EQ(LoadTokenizer(folder)->Encode("Cats dog", 6).ids,
            (std::vector<int32_t>{2, 4, 5, 1, 3, 0}));
}

// Random damage anywhere: an error, or a tokenizer that reads texts; never a crash.
TEST_F(TokenizerTest, FuzzedFilesNeverCrash) {
  RandomStream random(6, RandomPurpose::kTest);
  const std::vector<std::string> texts = {"a cat isn't 12 dogs", "caf\u0065\u0301 \uff21 \u2460",
                                          std::string("\0\x01\xff", 3)};
  for (const auto& [fixture, name] :
       {std::pair{"clip", "vocab.json"}, std::pair{"clip", "merges.txt"},
        std::pair{"clip", "tokenizer_config.json"}, std::pair{"t5", "spiece.model"},
        std::pair{"t5", "tokenizer_config.json"}, std::pair{"bert", "vocab.txt"},
        std::pair{"bert", "tokenizer_config.json"}}) {
    const fs::path folder = Copy(fixture);
    const std::string whole = ReadFile(folder / name);
    const int rounds = std::string(name) == "spiece.model" ? 500 : 60;
    for (int round = 0; round < rounds; ++round) {
      std::string damaged = whole;
      if (round % 5 == 0) damaged.resize(random.Below(whole.size()));
      for (uint64_t i = 0; i <= random.Below(4) && !damaged.empty(); ++i) {
        damaged[random.Below(damaged.size())] = static_cast<char>(random.Below(256));
      }
      Write(folder / name, damaged);
      try {
        const auto tokenizer = LoadTokenizer(folder);
        for (const std::string& text : texts) {
          for (const int32_t id : tokenizer->Encode(text, 40).ids) {
            EXPECT_GE(id, 0);
            EXPECT_LT(id, tokenizer->id_limit());
          }
        }
      } catch (const Error&) {
      }
    }
  }
}

}  // namespace
}  // namespace tmpq
