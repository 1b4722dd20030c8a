// Charts as inline SVG: axes with ticks and titles, lines, points, intervals, bars, a legend.
// Colours are classes s0..s6 that the page's style gives for light and dark (page_style.h).
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace tmpq {

struct ChartAxis {
  std::string title;  // with the unit
  double low = 0, high = 1;
  bool logarithmic = false;  // then low > 0
  bool whole = false;        // ticks at whole numbers only

  // From the values, with a margin; `zero`: from 0 on. Values that are not finite, or not positive
  // on a logarithmic axis, are left out, and points that have one are not drawn.
  static ChartAxis Of(std::string title, std::span<const double> values, bool zero = false,
                      bool logarithmic = false);
  // Values and texts of the ticks within the axis, at most about six.
  std::vector<std::pair<double, std::string>> Ticks() const;
};

enum class ChartMarker { kNone, kDot, kCircle, kSquare, kDiamond, kTriangle, kCross, kTick };

struct ChartSeries {
  std::string name;  // in the legend; empty: not there
  int color = 0;     // 0..6
  ChartMarker marker = ChartMarker::kNone;
  bool dashed = false;
};

class SvgChart {
 public:
  // `description`: for readers who do not see it.
  SvgChart(std::string description, ChartAxis x, ChartAxis y);

  void Line(std::span<const double> x, std::span<const double> y, const ChartSeries& series);
  // Constant up to the next point.
  void Steps(std::span<const double> x, std::span<const double> y, const ChartSeries& series);
  // Markers alone; `names`, if there are any, are shown when one points at them.
  void Points(std::span<const double> x, std::span<const double> y, const ChartSeries& series,
              std::span<const std::string> names = {});
  void Interval(double x, double low, double high, const ChartSeries& series);
  // Between successive edges, one fewer heights than edges.
  void Bars(std::span<const double> edges, std::span<const double> heights,
            const ChartSeries& series);

  std::string Render() const;

 private:
  double X(double value) const;
  double Y(double value) const;
  bool Inside(double x, double y) const;  // drawable: finite and within the axes
  void Path(const std::vector<std::pair<double, double>>& points, const ChartSeries& series);
  void Remember(const ChartSeries& series, bool line);
  std::string Axes() const;
  std::vector<std::pair<double, int>> LegendPlaces() const;
  std::string Legend() const;

  struct LegendEntry {
    ChartSeries series;
    bool line = false;
  };
  std::string description_;
  ChartAxis x_, y_;
  std::string body_;
  std::vector<LegendEntry> legend_;
};

}  // namespace tmpq
