#include "src/runtime/call_share.h"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

namespace tmpq {
namespace {

TEST(CallShareTest, PartsCoverTheTotalOnceAndDifferByOnePiece) {
  for (const int64_t total : {0, 1, 7, 16, 100, 1008}) {
    for (const int64_t multiple : {1, 16, 24}) {
      for (const int count : {1, 2, 3, 7, 64}) {
        int64_t at = 0, least = total, most = 0;
        for (int index = 0; index < count; ++index) {
          const UnitRange part = CallShare{index, count}.Of(total, multiple);
          ASSERT_EQ(part.begin, at);
          ASSERT_GE(part.size(), 0);
          if (part.end < total) {
            ASSERT_EQ(part.end % multiple, 0);
          }
          if (part.end < total || multiple == 1) {
            least = std::min(least, part.size()), most = std::max(most, part.size());
          }
          at = part.end;
        }
        ASSERT_EQ(at, total) << total << " " << multiple << " " << count;
        ASSERT_LE(most - least, multiple);
      }
    }
  }
}

TEST(CallShareTest, RangesAreCutAtPeriods) {
  std::vector<std::tuple<int64_t, int64_t, int64_t>> seen;
  const auto see = [&](int64_t period, int64_t first, int64_t size) {
    seen.emplace_back(period, first, size);
  };
  ForEachPeriod({7, 25}, 10, see);
  const std::vector<std::tuple<int64_t, int64_t, int64_t>> expected = {
      {0, 7, 3}, {1, 0, 10}, {2, 0, 5}};
  EXPECT_EQ(seen, expected);
  ForEachPeriod({5, 5}, 10, see);
  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace tmpq
