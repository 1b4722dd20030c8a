#include "src/data/image_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "src/core/error.h"

namespace tmpq {
namespace {

TEST(ImageWriterTest, PixelsAreRoundedAndClamped) {
  EXPECT_EQ(PixelOf(-1), 0);
  EXPECT_EQ(PixelOf(1), 255);
  EXPECT_EQ(PixelOf(-5), 0);
  EXPECT_EQ(PixelOf(5), 255);
  EXPECT_EQ(PixelOf(NAN), 0);
  EXPECT_EQ(PixelOf(INFINITY), 255);
  EXPECT_EQ(PixelOf(0), 128);  // 127.5 to even
}

TEST(ImageWriterTest, PngHasTheGridsSizeAndTheSameBytes) {
  const std::vector<float> images(5 * 3 * 4, 0.5f);
  const ImageBatch batch{images, 5, 3, 4, 1};
  const std::string png = EncodePngGrid(batch, 3, 2);
  ASSERT_EQ(png.substr(1, 3), "PNG");
  const auto big_endian = [&](size_t at) {
    int value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(png[at + i]);
    return value;
  };
  EXPECT_EQ(big_endian(16), 3 * (4 * 2 + 2) - 2);  // width: three cells with gaps between
  EXPECT_EQ(big_endian(20), 2 * (3 * 2 + 2) - 2);
  EXPECT_EQ(png, EncodePngGrid(batch, 3, 2));
  EXPECT_THROW(EncodePngGrid({images, 0, 3, 4, 1}, 3, 2), Error);
  EXPECT_THROW(EncodePngGrid({images, 1, 3, 4, 5}, 3, 2), Error);
}

TEST(ImageWriterTest, NpyIsFormatOne) {
  const std::vector<float> images = {1, 2, 3, 4, 5, 6};
  const std::string npy = EncodeNpy({images, 1, 2, 3, 1});
  EXPECT_EQ(npy.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_NE(npy.find("'shape': (1, 2, 3, 1)"), std::string::npos);
  EXPECT_EQ((npy.size() - 24) % 64, 0u);
  float last;
  std::memcpy(&last, npy.data() + npy.size() - 4, 4);
  EXPECT_EQ(last, 6);
}

TEST(ImageWriterTest, ClipsAreStripsAndAnimations) {
  std::vector<float> clips(2 * 3 * 4 * 5 * 3, -1);
  std::fill(clips.begin() + 60, clips.begin() + 120, 1.0f);  // second frame of the first clip
  const ImageBatch batch = BatchOf(clips, 2, {3, 4, 5, 3});
  EXPECT_EQ(batch.frames, 3);
  const std::string png = EncodePngGrid(batch, 1, 1);
  EXPECT_EQ(static_cast<uint8_t>(png[19]), 3 * 5);      // width
  EXPECT_EQ(static_cast<uint8_t>(png[23]), 4 + 2 + 4);  // height
  EXPECT_NE(EncodeNpy(batch).find("'shape': (2, 3, 4, 5, 3)"), std::string::npos);
  const std::string gif = EncodeGifGrid(batch, 2, 2);
  EXPECT_EQ(gif.substr(0, 6), "GIF89a");
  EXPECT_EQ(static_cast<uint8_t>(gif[6]), 2 * (2 * 5) + 2);  // width
  EXPECT_EQ(static_cast<uint8_t>(gif[8]), 2 * 4);            // height
  EXPECT_EQ(gif.back(), ';');
  EXPECT_EQ(gif, EncodeGifGrid(batch, 2, 2));
  const std::string frame_begin("\x21\xf9\x04", 3);
  int frames = 0;
  for (size_t at = 0; (at = gif.find(frame_begin, at)) != std::string::npos; ++at) ++frames;
  EXPECT_EQ(frames, 3);
  EXPECT_THROW(EncodeGifGrid(BatchOf(clips, 6, {4, 5, 3}), 2, 2), Error);
  EXPECT_THROW(BatchOf(clips, 6, {20, 3}), Error);
}

TEST(ImageWriterTest, ExtensionsAreChecked) {
  EXPECT_NO_THROW(CheckImageExtension("a.png"));
  EXPECT_NO_THROW(CheckImageExtension("a.npy"));
  EXPECT_NO_THROW(CheckImageExtension("a.gif"));
  for (const char* path : {"a.bmp", "a", "png"})
    EXPECT_THROW(CheckImageExtension(path), Error) << path;
}

}  // namespace
}  // namespace tmpq
