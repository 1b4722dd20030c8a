#include "src/core/tensor_file.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/error.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

class TensorFileTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = TestPath();
    writer_.SetMetadata("note", "hello");
    writer_.AddFloats("weights", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
    writer_.AddBytes("bytes", {3}, std::vector<uint8_t>{7, 8, 9});
    writer_.AddDoubles("table", {1}, std::vector<double>{0.5});
    writer_.Write(path_);
  }

  std::filesystem::path path_;
  TensorFileWriter writer_;
};

TEST_F(TensorFileTest, RoundTrips) {
  const TensorFile file(path_);
  EXPECT_EQ(file.Metadata("note"), "hello");
  const auto weights = file.Floats("weights", {2, 3});
  EXPECT_EQ(std::vector<float>(weights.begin(), weights.end()),
            (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(file.Bytes("bytes")[2], 9);
  EXPECT_EQ(file.Doubles("table")[0], 0.5);
  EXPECT_THROW(file.Floats("weights", {3, 2}), Error);
  EXPECT_THROW(file.Floats("bytes"), Error);
  EXPECT_THROW(file.Floats("none"), Error);
  EXPECT_THROW(file.Metadata("none"), Error);
}

TEST_F(TensorFileTest, SameContentSameBytes) { EXPECT_EQ(writer_.Serialize(), ReadFile(path_)); }

TEST_F(TensorFileTest, EveryFlippedBitIsFound) {
  const std::string whole = ReadFile(path_);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    WriteFileAtomically(path_, bytes);
    EXPECT_THROW(TensorFile{path_}, Error) << "byte " << at;
  }
}

TEST_F(TensorFileTest, EveryTruncationIsFound) {
  const std::string whole = ReadFile(path_);
  for (size_t size = 0; size < whole.size(); ++size) {
    WriteFileAtomically(path_, std::string_view(whole).substr(0, size));
    EXPECT_THROW(TensorFile{path_}, Error) << size;
    EXPECT_THROW(TensorFile(path_, TensorFile::Checksum::kIfPresent), Error) << size;
  }
  WriteFileAtomically(path_, whole + "x");
  EXPECT_THROW(TensorFile{path_}, Error);
}

// Files of other writers have no checksum; their headers are checked all the same.
TEST_F(TensorFileTest, ForeignHeadersAreChecked) {
  const auto write = [&](const std::string& header, const std::string& data) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(header.size() >> (8 * i)));
    WriteFileAtomically(path_, bytes + header + data);
  };
  const auto refused = [&] {
    EXPECT_THROW(TensorFile(path_, TensorFile::Checksum::kIfPresent), Error);
  };
  write(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  EXPECT_NO_THROW(TensorFile(path_, TensorFile::Checksum::kIfPresent));
  EXPECT_THROW(TensorFile(path_, TensorFile::Checksum::kRequired), Error);
  for (const char* header :
       {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})",
        R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
        R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
        R"({"a":{"dtype":"F32","shape":[2]}})", R"([1,2])", R"({"a":)", R"({"a":5})"}) {
    SCOPED_TRACE(header);
    write(header, "12345678");
    refused();
  }
  WriteFileAtomically(path_, std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10));
  refused();
}

}  // namespace
}  // namespace tmpq
