#include "src/quant/layer_statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "src/core/error.h"
#include "src/core/file.h"
#include "src/core/random.h"
#include "src/graph/graph_builder.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

// Six tokens through a linear, and an image of 5 x 4 pixels through a convolution.
class LayerStatisticsTest : public testing::Test {
 protected:
  LayerStatisticsTest() {
    GraphBuilder b("layers");
    const NodeId tokens = b.Input("tokens", {6, 3}), image = b.Input("image", {5, 4, 2});
    linear_ = b.Linear("linear", tokens, 4, LayerGroup::kFeedForward);
    conv_ = b.Conv2d("conv", image, 3, 3, 2, 1, LayerGroup::kConvolution);
    graph_ = b.Finish(b.Linear("end", linear_, 1));
    path_ = TestPath();
  }

  std::vector<float> Input(uint64_t stream, int64_t elements) const {
    std::vector<float> x(elements);
    FillNormal(5, RandomPurpose::kTest, stream, x);
    return x;
  }
  void Observe(CalibrationStatistics& statistics, const ObservedCall& call) const {
    const auto stream = static_cast<uint64_t>(call.sample * 100 + call.step);
    statistics.Observe(graph_, linear_, Input(stream, 18).data(), call);
    statistics.Observe(graph_, conv_, Input(stream + 50, 40).data(), call);
  }
  std::string Saved(const CalibrationStatistics& statistics) const {
    statistics.Save(path_, HashString("model"));
    return ReadFile(path_);
  }

  Graph graph_;
  NodeId linear_ = 0, conv_ = 0;
  std::string path_;
};

TEST_F(LayerStatisticsTest, HoldExtremesByChannelAndPosition) {
  CalibrationStatistics statistics(1, 1, 2);
  const std::vector<float> a = Input(0, 18), b = Input(1, 18);
  statistics.Observe(graph_, linear_, a.data(), {0, 0, 0, 0});
  statistics.Observe(graph_, linear_, b.data(), {0, 1, 0, 0});
  const InputStatistics& seen = statistics.Of("linear", 0, 0);
  ASSERT_EQ(seen.absmax.size(), 3u);
  ASSERT_EQ(seen.low.size(), 6u);
  for (int c = 0; c < 3; ++c) {
    float most = 0;
    for (int t = 0; t < 6; ++t) {
      most = std::max({most, std::fabs(a[t * 3 + c]), std::fabs(b[t * 3 + c])});
    }
    EXPECT_EQ(seen.absmax[c], most);
  }
  for (int t = 0; t < 6; ++t) {
    float low = 0, high = 0;
    for (int c = 0; c < 3; ++c) {
      low = std::min({low, a[t * 3 + c], b[t * 3 + c]});
      high = std::max({high, a[t * 3 + c], b[t * 3 + c]});
    }
    EXPECT_EQ(seen.low[t], low);
    EXPECT_EQ(seen.high[t], high);
  }
  ASSERT_EQ(seen.rows.size(), 2u * 2 * 3);
  for (int r = 0; r < 4; ++r) {  // each row is one of its call's tokens
    const std::vector<float>& x = r < 2 ? a : b;
    bool found = false;
    for (int t = 0; t < 6; ++t) {
      found =
          found || std::equal(x.begin() + t * 3, x.begin() + t * 3 + 3, seen.rows.begin() + r * 3);
    }
    EXPECT_TRUE(found) << r;
  }
}

TEST_F(LayerStatisticsTest, ConvolutionsHaveOnePositionAndWindows) {
  CalibrationStatistics statistics(1, 1, 5);
  const std::vector<float> x = Input(3, 40);
  statistics.Observe(graph_, conv_, x.data(), {});
  const InputStatistics& seen = statistics.Of("conv", 0, 0);
  EXPECT_EQ(seen.absmax.size(), 2u);
  ASSERT_EQ(seen.low.size(), 1u);
  EXPECT_EQ(seen.low[0], *std::min_element(x.begin(), x.end()));
  EXPECT_EQ(seen.high[0], *std::max_element(x.begin(), x.end()));
  EXPECT_EQ(seen.rows.size(), 5u * 18);
}

TEST_F(LayerStatisticsTest, WindowsHaveZerosOutsideTheImage) {
  std::vector<float> x(40);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1);
  const auto window = GatherInputs(graph_.node(conv_), {5, 4, 2}, x.data(), 0);
  const float expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 9, 10, 11, 12};
  EXPECT_TRUE(std::equal(window.begin(), window.end(), expected));
  // The last output: row 2, column 1 of 3 x 2 reads pixels from (3, 1) on.
  const auto last = GatherInputs(graph_.node(conv_), {5, 4, 2}, x.data(), 5);
  EXPECT_EQ(last[0], x[(3 * 4 + 1) * 2]);
  EXPECT_EQ(last[8], x[(4 * 4 + 2) * 2]);
  EXPECT_EQ(last[12], 0);
}

TEST(GatherInputsTest, WindowsOfAnySides) {
  GraphBuilder b("flat");
  const NodeId x = b.Input("x", {3, 4, 1});
  const NodeId out = b.Conv2d("wide", x, 1, {.height = 1, .width = 3, .padding_width = 1});
  const Graph graph = b.Finish(out);
  std::vector<float> values(12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  const auto window = [&](int64_t row) {
    return GatherInputs(graph.node(out), {3, 4, 1}, values.data(), row);
  };
  EXPECT_EQ(window(0), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(window(7), (std::vector<float>{7, 8, 0}));
}

TEST_F(LayerStatisticsTest, MergingGivesTheCallersOrder) {
  CalibrationStatistics all(2, 2, 3), first(2, 2, 3), second(2, 2, 3);
  for (int64_t sample = 0; sample < 4; ++sample) {
    for (int step = 0; step < 4; ++step) {
      const ObservedCall call{sample, step, step / 2, step % 2};
      Observe(all, call);
      Observe(sample < 2 ? first : second, call);
    }
  }
  CalibrationStatistics other = second;
  first.Merge(second);
  EXPECT_EQ(Saved(first), Saved(all));
  CalibrationStatistics none(2, 2, 3);
  none.Merge(all);
  EXPECT_EQ(Saved(none), Saved(all));
  other.Merge(all);
  EXPECT_NE(Saved(other), Saved(all));
}

TEST_F(LayerStatisticsTest, FilesRoundTripAndBelongToAModel) {
  CalibrationStatistics statistics(12, 2, 2);  // ranges of two digits
  for (int range = 0; range < 12; ++range) Observe(statistics, {0, range, range, range % 2});
  const std::string bytes = Saved(statistics);
  const CalibrationStatistics loaded = CalibrationStatistics::Load(path_, HashString("model"));
  EXPECT_EQ(loaded.ranges(), 12);
  EXPECT_EQ(loaded.branches(), 2);
  EXPECT_EQ(loaded.Of("conv", 11, 1).rows, statistics.Of("conv", 11, 1).rows);
  EXPECT_EQ(Saved(loaded), bytes);
  EXPECT_THROW(CalibrationStatistics::Load(path_, HashString("other")), Error);
  std::string damaged = bytes;
  damaged[bytes.size() - 3] = static_cast<char>(damaged[bytes.size() - 3] ^ 4);
  WriteFileAtomically(path_, damaged);
  EXPECT_THROW(CalibrationStatistics::Load(path_, HashString("model")), Error);
}

TEST_F(LayerStatisticsTest, WhatWasNotSeenNamesLayerAndRange) {
  CalibrationStatistics statistics(2, 1, 1);
  Observe(statistics, {0, 0, 1, 0});
  for (const char* layer : {"linear", "nobody"}) {
    try {
      statistics.Of(layer, 0, 0);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(layer), std::string::npos);
      EXPECT_NE(std::string(error.what()).find("range 0"), std::string::npos);
    }
  }
  EXPECT_THROW(statistics.Whole("nobody"), Error);
  EXPECT_NO_THROW(statistics.Of("linear", 1, 0));
}

// The whole of a layer is what there is of it, whichever ranges that is.
TEST_F(LayerStatisticsTest, WholeNeedsNoRangeInParticular) {
  CalibrationStatistics statistics(2, 2, 2);
  Observe(statistics, {0, 0, 1, 1});
  Observe(statistics, {0, 1, 1, 0});
  const InputStatistics whole = statistics.Whole("linear");
  EXPECT_EQ(whole.rows.size(), 2u * 2 * 3);
  const InputStatistics &a = statistics.Of("linear", 1, 0), &b = statistics.Of("linear", 1, 1);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(whole.absmax[c], std::max(a.absmax[c], b.absmax[c]));
}

TEST_F(LayerStatisticsTest, FirstRowsAreKeptWhileTheyAgree) {
  CalibrationStatistics same(1, 1, 1), other(1, 1, 1);
  std::vector<float> x = Input(1, 18);
  same.Observe(graph_, linear_, x.data(), {0, 0, 0, 0});
  x[7] += 1;  // another token
  same.Observe(graph_, linear_, x.data(), {0, 1, 0, 0});
  EXPECT_EQ(same.FirstRow("linear"), std::vector<float>(x.begin(), x.begin() + 3));
  EXPECT_TRUE(same.FirstRow("conv").empty());
  const float before = x[1];
  x[1] += 1;
  other.Observe(graph_, linear_, x.data(), {1, 0, 0, 0});
  EXPECT_FALSE(other.FirstRow("linear").empty());
  same.Merge(other);
  EXPECT_TRUE(same.FirstRow("linear").empty());
  x[1] = before;
  same.Observe(graph_, linear_, x.data(), {2, 0, 0, 0});  // once varied, never again
  EXPECT_TRUE(same.FirstRow("linear").empty());
}

TEST_F(LayerStatisticsTest, BadInputsNameTheLayer) {
  for (const float bad : {NAN, INFINITY}) {
    std::vector<float> x = Input(1, 18);
    x[9] = bad;
    CalibrationStatistics statistics(1, 1, 1);
    try {
      statistics.Observe(graph_, linear_, x.data(), {});
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("layer linear"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace tmpq
