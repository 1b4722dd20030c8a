// Latency tables: what is written is read again, and broken ones are refused by name.
#include "src/eval/latency/latency_table.h"

#include <gtest/gtest.h>

#include "tests/eval/expect_error.h"
#include "tests/search/small_network.h"

namespace tmpq {
namespace {

LatencyTable SmallLatency() {
  LatencyTable table;
  table.model_hash = "m", table.recipe_hash = "r", table.device = "abacus";
  table.threads = 2, table.batch = 3, table.other_nanoseconds = 7, table.working_bytes = 1024;
  table.nanoseconds = {{"fc1.weight", {{{4, 8}, 10}, {{8, 8}, 12}}},
                       {"fc2.weight", {{{4, 8}, 20}, {{8, 8}, 24}}},
                       {"attention.query", {{{4, 4}, 5}, {{8, 8}, 5}}}};
  return table;
}

TEST(LatencyTableTest, IsReadAsItWasWritten) {
  const LatencyTable table = SmallLatency();
  const LatencyTable read = LatencyTable::FromJson(table.ToJson(), "file");
  EXPECT_EQ(read.ToJson(), table.ToJson());
  EXPECT_EQ(read.nanoseconds, table.nanoseconds);
}

TEST(LatencyTableTest, TimesStandAtProductsOfWeightsAndQueries) {
  const SiteTable sites = WithLatency(SmallNetwork(), SmallLatency(), "file");
  EXPECT_EQ(sites.other_nanoseconds, 7);
  EXPECT_EQ(sites.working_bytes, 1024);
  for (const SiteProduct& product : sites.products) {
    if (product.left_site < 0) continue;
    const QuantSite& site = sites.sites[product.left_site];
    const bool stands = site.kind == SiteKind::kWeight || site.kind == SiteKind::kQuery;
    EXPECT_EQ(product.nanoseconds.size(), stands ? 2u : 0u) << site.name;
  }
  LatencyTable less = SmallLatency();
  less.nanoseconds.erase("fc2.weight");
  ExpectError([&] { WithLatency(SmallNetwork(), less, "file"); }, "no times of fc2.weight");
}

TEST(LatencyTableTest, RefusesWhatIsBroken) {
  const auto refuses = [](const char* key, const Json& value, const char* part) {
    Json json = SmallLatency().ToJson();
    json[key] = value;
    ExpectError([&] { LatencyTable::FromJson(json, "file"); }, part);
  };
  refuses("format", "tmpq-latency-9", "tmpq-latency-9");
  refuses("threads", 0, "threads");
  refuses("batch", -1, "batch");
  refuses("other_nanoseconds", -5, "other_nanoseconds");
  refuses("other_nanoseconds", 1.5, "are not nanoseconds: 1.5");
  refuses("nanoseconds", {{"fc1.weight", {{"4", 1}}}}, "\"4\" is no pair of bit-widths");
  refuses("nanoseconds", {{"fc1.weight", Json::object()}}, "fc1.weight");
  refuses("nanoseconds", {{"fc1.weight", {{"4x8", "fast"}}}}, "fc1.weight, 4x8 bits");
  Json json = SmallLatency().ToJson();
  json.erase("model_hash");
  ExpectError([&] { LatencyTable::FromJson(json, "file"); }, "model_hash");
}

}  // namespace
}  // namespace tmpq
