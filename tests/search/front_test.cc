#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "src/core/random.h"
#include "src/search/archive.h"
#include "src/search/hypervolume.h"

namespace tmpq {
namespace {

Candidate Numbered(int i) {
  return Candidate::Uniform(TimestepSequence({i}, 100'000), {BitWidth::Of(4)});
}

std::vector<std::vector<double>> RandomPoints(int count, int dimensions, uint64_t stream) {
  RandomStream random(1, RandomPurpose::kTest, stream);
  std::vector<std::vector<double>> points(count, std::vector<double>(dimensions));
  for (auto& point : points) {
    for (double& value : point) value = std::floor(random.Uniform() * 12) / 12;  // ties happen
  }
  return points;
}

TEST(ArchiveTest, DominanceIsNoWorseInAllAndBetterInOne) {
  const std::vector<double> a = {1, 2}, equal = {1, 2}, better = {1, 1}, crossing = {0, 3},
                            worse = {2, 2};
  EXPECT_FALSE(Dominates(a, equal));
  EXPECT_TRUE(Dominates(better, a));
  EXPECT_FALSE(Dominates(a, better));
  EXPECT_FALSE(Dominates(a, crossing) || Dominates(crossing, a));
  EXPECT_TRUE(Dominates(a, worse));
}

TEST(ArchiveTest, KeepsExactlyWhatNothingDominates) {
  for (uint64_t stream = 0; stream < 30; ++stream) {
    const auto points = RandomPoints(60, 3, stream);
    ParetoArchive archive({"a", "b", "c"});
    for (size_t i = 0; i < points.size(); ++i)
      archive.Insert(Numbered(static_cast<int>(i)), points[i]);
    size_t expected = 0;
    for (const auto& point : points) {
      expected += std::none_of(points.begin(), points.end(),
                               [&](const auto& other) { return Dominates(other, point); });
    }
    EXPECT_EQ(archive.size(), expected);
  }
}

TEST(ArchiveTest, DoesNotDependOnTheOrderOfInsertion) {
  const auto points = RandomPoints(80, 3, 99);
  std::vector<int> order(points.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::vector<std::string> first;
  RandomStream random(2, RandomPurpose::kTest);
  for (int turn = 0; turn < 10; ++turn) {
    ParetoArchive archive({"a", "b", "c"});
    for (const int i : order) archive.Insert(Numbered(i), points[i]);
    std::vector<std::string> bytes;
    for (const ArchiveEntry& entry : archive.Entries()) bytes.push_back(entry.candidate.bytes());
    if (turn == 0) first = bytes;
    EXPECT_EQ(bytes, first);
    random.Shuffle(std::span(order));
  }
}

TEST(ArchiveTest, RefusesWhatIsNotFiniteAndRepetitions) {
  ParetoArchive archive({"a", "b"});
  EXPECT_FALSE(archive.Insert(Numbered(1), {NAN, 1}));
  EXPECT_FALSE(archive.Insert(Numbered(1), {1, INFINITY}));
  EXPECT_TRUE(archive.Insert(Numbered(1), {1, 1}));
  EXPECT_FALSE(archive.Insert(Numbered(1), {1, 1}));
  EXPECT_TRUE(archive.Insert(Numbered(2), {1, 1}));  // another candidate, equal objectives
}

TEST(HypervolumeTest, HandCases) {
  const std::vector<double> two = {1, 1}, three = {1, 1, 1};
  EXPECT_DOUBLE_EQ(Hypervolume(std::vector<std::vector<double>>{{0, 0}}, two), 1);
  EXPECT_DOUBLE_EQ(Hypervolume(std::vector<std::vector<double>>{{0, 0.5}, {0.5, 0}}, two), 0.75);
  EXPECT_DOUBLE_EQ(Hypervolume(std::vector<std::vector<double>>{{0.5, 0.5, 0.5}}, three), 0.125);
  EXPECT_DOUBLE_EQ(
      Hypervolume(std::vector<std::vector<double>>{{0, 0.5, 0.5}, {0.5, 0, 0.5}}, three), 0.375);
  EXPECT_DOUBLE_EQ(Hypervolume(std::vector<std::vector<double>>{{0, 1, 0}}, three),
                   0);  // on the boundary
  EXPECT_DOUBLE_EQ(Hypervolume({}, three), 0);
}

TEST(HypervolumeTest, AgreesWithMonteCarlo) {
  const std::vector<double> reference = {1, 1, 1};
  for (uint64_t stream = 0; stream < 5; ++stream) {
    const auto points = RandomPoints(15, 3, 200 + stream);
    RandomStream random(3, RandomPurpose::kTest, stream);
    const int draws = 40'000;
    int hits = 0;
    for (int i = 0; i < draws; ++i) {
      const double x = random.Uniform(), y = random.Uniform(), z = random.Uniform();
      hits += std::any_of(points.begin(), points.end(),
                          [&](const auto& p) { return p[0] <= x && p[1] <= y && p[2] <= z; });
    }
    const double exact = Hypervolume(points, reference);
    EXPECT_NEAR(exact, static_cast<double>(hits) / draws, 4 * std::sqrt(0.25 / draws)) << stream;
  }
}

TEST(HypervolumeTest, GrowsWithEveryNonDominatedPoint) {
  const auto points = RandomPoints(30, 3, 300);
  double last = 0;
  for (size_t count = 1; count <= points.size(); ++count) {
    const double volume = Hypervolume(std::span(points).first(count), std::vector<double>{1, 1, 1});
    EXPECT_GE(volume, last);
    last = volume;
  }
}

}  // namespace
}  // namespace tmpq
