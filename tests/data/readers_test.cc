// NPY and PNG readers: what they give back, and every way in which a file can be wrong.
#include <gtest/gtest.h>

#include <filesystem>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/data/image_writer.h"
#include "src/data/npy_reader.h"
#include "src/data/png_reader.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

class ReadersTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }

  fs::path Write(const std::string& name, const std::string& bytes) {
    WriteFileAtomically(folder_ / name, std::string_view(bytes));
    return folder_ / name;
  }

  // An NPY file with this header text and payload.
  fs::path WriteNpy(const std::string& header, const std::string& payload) {
    std::string bytes = "\x93NUMPY";
    bytes += '\x01';
    bytes += '\x00';
    bytes += static_cast<char>(header.size() & 0xff);
    bytes += static_cast<char>(header.size() >> 8);
    return Write("array.npy", bytes + header + payload);
  }

  const fs::path folder_ = TestPath();
};

// Runs `action` and returns the error's code; the message must contain `part`.
template <typename Action>
ErrorCode CodeOf(Action&& action, const std::string& part) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown; expected: " << part;
  return ErrorCode::kUsage;
}

TEST_F(ReadersTest, WhatWasWrittenComesBack) {
  const std::vector<float> values = {-1, 0, 0.5f, 1, -0.25f, 0.125f, 1, 1, 0, 0, 0, 0};
  const ImageBatch batch{values, 2, 2, 1, 3};
  const NpyArray array = ReadNpy(Write("images.npy", EncodeNpy(batch)));
  EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 2, 1, 3}));
  EXPECT_EQ(array.values, values);
  EXPECT_FALSE(array.bytes);

  const ImageBatch one{std::span(values).first(6), 1, 2, 1, 3};
  const ByteImages image = DecodePng(EncodePngGrid(one, 1, 1), "image");
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.channels, 3);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(image.pixels[i], PixelOf(values[i])) << i;
}

TEST_F(ReadersTest, BytesAndDoubles) {
  const NpyArray bytes = ReadNpy(
      WriteNpy("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", "\x01\x02\xff"));
  EXPECT_TRUE(bytes.bytes);
  EXPECT_EQ(bytes.values, (std::vector<float>{1, 2, 255}));
  const double value = 0.1;
  const std::string payload(reinterpret_cast<const char*>(&value), sizeof(value));
  EXPECT_EQ(
      ReadNpy(WriteNpy("{'shape': (1, 1), 'descr': '<f8', 'fortran_order': False}\n", payload))
          .values[0],
      0.1f);
}

TEST_F(ReadersTest, BrokenArrays) {
  const auto read = [&](const std::string& header, const std::string& payload) {
    return [this, header, payload] { ReadNpy(WriteNpy(header, payload)); };
  };
  EXPECT_EQ(CodeOf(read("{'descr': '|u1', 'fortran_order': True, 'shape': (3,), }", "abc"),
                   "Fortran order"),
            ErrorCode::kInput);
  EXPECT_EQ(CodeOf(read("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", "abc"),
                   "truncated: its shape needs 4 bytes of data, it has 3"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(
      CodeOf(read("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", "abc"), "too long"),
      ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(read("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }", "12345678"),
                   "'<i8'"),
            ErrorCode::kInput);
  EXPECT_EQ(CodeOf(read("{'descr': '|u1', 'fortran_order': False}", ""), "without 'shape'"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(read("{'descr': '|u1', 'fortran_order': False, "
                        "'shape': (99999999, 99999999), }",
                        ""),
                   "cannot be"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf([&] { ReadNpy(Write("a.npy", "\x93NUMPY\x01")); }, "not an NPY"),
            ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf([&] { ReadNpy(folder_ / "none.npy"); }, "none.npy"), ErrorCode::kIo);
}

TEST_F(ReadersTest, FoldersOfImages) {
  const std::vector<float> values(6 * 6 * 3, 0.5f);
  const auto encode = [&](int64_t height) {
    const ImageBatch image{std::span(values).first(height * 18), 1, height, 6, 3};
    return EncodePngGrid(image, 1, 1);
  };
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_); }, "holds no PNG"), ErrorCode::kInput);
  Write("b.png", encode(6)), Write("a.png", encode(6)), Write("note.txt", "no image");
  EXPECT_EQ(ReadPngFolder(folder_).count, 2);
  Write("c.png", encode(5));
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_); }, "c.png: is 5 x 6 x 3, but a.png is 6 x 6 x 3"),
            ErrorCode::kInput);
  std::string bytes = encode(6);
  Write("c.png", bytes.substr(0, bytes.size() / 2));
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_); }, "c.png"), ErrorCode::kCorrupt);
  bytes[bytes.size() / 2] ^= 1;  // within the compressed pixels
  Write("c.png", bytes);
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_); }, "damaged PNG"), ErrorCode::kCorrupt);
  Write("c.png", "a text");
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_); }, "not a PNG"), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf([&] { ReadPngFolder(folder_ / "none"); }, "not a folder"), ErrorCode::kIo);
}

}  // namespace
}  // namespace tmpq
