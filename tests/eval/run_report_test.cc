#include "src/eval/report/run_report.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>

#include "src/core/file.h"
#include "src/eval/driver/sampling_times.h"
#include "src/eval/report/heat_map.h"
#include "src/eval/report/html.h"
#include "src/eval/report/svg_chart.h"
#include "tests/eval/expect_error.h"
#include "tests/eval/small_run.h"
#include "tests/test_path.h"

namespace tmpq {
namespace {

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// Every element that is opened is closed, in order.
void ExpectWellFormed(const std::string& html) {
  static const std::set<std::string> kVoid = {"meta", "img", "!doctype"};
  const std::regex tag("<(/?)([a-zA-Z!][a-zA-Z0-9]*)((?:\"[^\"]*\"|[^\">])*)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2], rest = (*it)[3];
    if (kVoid.count(name) > 0 || (!rest.empty() && rest.back() == '/')) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << name;
      ASSERT_EQ(open.back(), name);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(HtmlTest, EscapesAndEncodes) {
  EXPECT_EQ(EscapeHtml("a<b & \"c\"'"), "a&lt;b &amp; &quot;c&quot;&#39;");
  // RFC 4648, section 10.
  EXPECT_EQ(DataUri("t", ""), "data:t;base64,");
  EXPECT_EQ(DataUri("t", "f"), "data:t;base64,Zg==");
  EXPECT_EQ(DataUri("t", "fo"), "data:t;base64,Zm8=");
  EXPECT_EQ(DataUri("t", "foo"), "data:t;base64,Zm9v");
  EXPECT_EQ(DataUri("t", "foobar"), "data:t;base64,Zm9vYmFy");
  EXPECT_EQ(DataUri("t", "\xff\xfe"), "data:t;base64,//4=");
  EXPECT_EQ(ShortNumber(0.12345), "0.123");
  EXPECT_EQ(ShortNumber(2064512), "2064512");
  EXPECT_EQ(ShortNumber(-0.25), "-0.25");
  EXPECT_EQ(ShortNumber(1.6e11), "1.6e+11");
}

std::vector<std::string> TickTexts(const ChartAxis& axis) {
  std::vector<std::string> texts;
  for (const auto& [value, text] : axis.Ticks()) texts.push_back(text);
  return texts;
}

TEST(SvgChartTest, TicksAreRoundNumbersWithinTheAxis) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(TickTexts({"", 0, 1, false, false}), (Texts{"0", "0.2", "0.4", "0.6", "0.8", "1"}));
  EXPECT_EQ(TickTexts({"", -0.3, 10.2, false, false}), (Texts{"0", "2", "4", "6", "8", "10"}));
  EXPECT_EQ(TickTexts({"", 0.5, 4.5, false, true}), (Texts{"1", "2", "3", "4"}));
  EXPECT_EQ(TickTexts({"", 0, 1050, false, false}),
            (Texts{"0", "200", "400", "600", "800", "1000"}));
  EXPECT_EQ(TickTexts({"", 0.15, 200, true, false}), (Texts{"1", "10", "100"}));
  EXPECT_EQ(TickTexts({"", 0.15, 6, true, false}), (Texts{"0.2", "0.5", "1", "2", "5"}));
  for (const double span : {1e-6, 0.03, 1.0, 7.0, 12345.0, 3e12}) {
    const ChartAxis axis{"", 0.1 * span, 1.1 * span, false, false};
    EXPECT_GE(axis.Ticks().size(), 2u) << span;
    EXPECT_LE(axis.Ticks().size(), 7u) << span;
  }
}

TEST(SvgChartTest, AxesHoldWhatIsFinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {2, infinity, 4, -infinity, std::nan("")};
  const ChartAxis axis = ChartAxis::Of("x", values);
  EXPECT_LT(axis.low, 2);
  EXPECT_GT(axis.low, 1);
  EXPECT_GT(axis.high, 4);
  EXPECT_EQ(ChartAxis::Of("x", values, true).low, 0);
  const ChartAxis none = ChartAxis::Of("x", {}), one = ChartAxis::Of("x", std::vector<double>{3.0});
  EXPECT_LT(none.low, none.high);
  EXPECT_LT(one.low, one.high);
  EXPECT_GT(ChartAxis::Of("x", std::vector<double>{-1.0, 5.0}, false, true).low, 0);
}

TEST(SvgChartTest, DrawsWhatIsWithinTheAxes) {
  SvgChart chart("a <chart>", {"x, s", 0, 1}, {"y, dB", 0, 1});
  const std::vector<double> x = {0.1, 0.5, std::nan("")}, y = {0.2, 7, 0.3};
  const std::vector<std::string> names = {"first", "second", "third"};
  chart.Points(x, y, {"points", 1, ChartMarker::kCircle, false}, names);
  chart.Line(x, y, {"line", 2, ChartMarker::kNone, true});
  chart.Interval(0.5, -1, 0.5, {"", 3, ChartMarker::kNone, false});
  const std::string svg = chart.Render();
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, "<title>"), 1u);
  EXPECT_NE(svg.find("<title>first</title>"), std::string::npos);
  EXPECT_EQ(Count(svg, "dashed"), 2u);  // the line and its legend
  for (const char* text : {"x, s", "y, dB", ">points<", ">line<", "a &lt;chart&gt;"}) {
    EXPECT_NE(svg.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(HeatMapTest, ACellForEveryBitWidth) {
  HeatMap map{"bits",     "at",           {"9 to 5", "2"},   {3, 1},
              {"a", "b"}, {"one", "two"}, {{4, 8}, {32, 16}}};
  const std::string svg = RenderHeatMap(map);
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, "<rect"), 4u + 4u);  // and the legend's
  EXPECT_NE(svg.find("<title>b, 9 to 5: float</title>"), std::string::npos);
  EXPECT_NE(svg.find(">one<"), std::string::npos);
  for (const char* style : {"b4", "b8", "b16", "b32"}) {
    EXPECT_NE(svg.find("class=\"" + std::string(style) + "\""), std::string::npos) << style;
  }
}

TEST(RunReportTest, OnePageWithEverythingAndNothingFromOutside) {
  RunReport report;
  report.run = SmallRun();
  report.samples_png = "not really";
  SamplingTimes times{"avx2", 2, 8, 16, 1'500'000, {{"float", 20.5}, {"plan", 5.125}}};
  EXPECT_EQ(SamplingTimesText({}, {"float"}), "");
  report.summary = {{"feature_net", {{"name", "small-features"}, {"reference", "training set"}}},
                    {"times", SamplingTimesToJson(times)}};
  report.sheet = {{"samples", {{{"prompt", "a <red> dot"}, {"float", {{"text_alignment", 1.0}}}}}}};
  const std::string page = RenderRunReport(report);
  ExpectWellFormed(page);
  for (const char* part :
       {"small at 4bit, steps 4", "0.6</span><span class=\"interval\">[0.5, 0.7]",
        "psnr to float, dB", "small-features", "Pareto front",
        "Sampling here, avx2, 2 threads, 16 at a time, ms a sample:  float 20.5  plan 5.12; 1.5 MB",
        "Hypervolume", "quadratic (TMPQ-DM)", "0123&lt;&amp;&gt;", "data:image/png;base64,",
        "a &lt;red&gt; dot", "66.7 %", "viewport", "prefers-color-scheme"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(Count(page, "<svg"), 6u);
  EXPECT_EQ(Count(page, "src="), Count(page, "src=\"data:"));
  EXPECT_EQ(Count(page, "http"), Count(page, "xmlns=\"http"));
  EXPECT_EQ(page.find("nan"), std::string::npos);
  EXPECT_EQ(RenderRunReport(report) == page, true);
}

TEST(RunReportTest, FinalistsAndMovesHaveTables) {
  RunReport report;
  report.run = SmallRun();
  const std::string without = RenderRunReport(report);
  EXPECT_EQ(without.find("Finalists"), std::string::npos);
  EXPECT_EQ(without.find("Moves"), std::string::npos);
  report.run.selection = {"distance", 64, {1, 2}, 1, {{0.25, -0.5, 1, 64}, {0, 0, 0, 64}}};
  report.run.history.moves = {{{Move::kCrossover, {417, 23, 5}}}, {{Move::kCrossover, {1, 0, 0}}}};
  const std::string page = RenderRunReport(report);
  ExpectWellFormed(page);
  for (const char* part : {"Finalists", "<span class=\"interval\">[-0.5, 1]", "64 samples", "Moves",
                           "crossover", ">418<", ">23<"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
}

// What runs of other kinds lack is left out.
TEST(RunReportTest, LacksWhatTheRunLacks) {
  RunReport report;
  report.run = SmallRun();
  report.run.fronts.clear();
  report.run.history.generations.clear(), report.run.history.evaluations.clear();
  report.run.history.hypervolume.clear();
  report.run.baselines.erase(report.run.baselines.begin() + 2, report.run.baselines.end());
  report.run.evaluations.clear();
  report.run.budget.clear(), report.run.seconds.clear();
  const std::string page = RenderRunReport(report);
  ExpectWellFormed(page);
  EXPECT_EQ(Count(page, "<svg"), 1u);
}

TEST(RunReportTest, ReadsAFolder) {
  const auto folder = TestPath();
  std::filesystem::create_directories(folder);
  ExpectError([&] { LoadRunReport(folder); }, "run.h5");
  WriteRunFile(folder / "run.h5", SmallRun());
  WriteFileAtomically(folder / "samples.gif", std::string_view("GIF"));
  EXPECT_EQ(LoadRunReport(folder).samples_gif, "GIF");
  WriteFileAtomically(folder / "summary.json", std::string_view("{"));
  ExpectError([&] { LoadRunReport(folder); }, "summary.json");
}

}  // namespace
}  // namespace tmpq
