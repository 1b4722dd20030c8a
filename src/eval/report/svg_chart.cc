#include "src/eval/report/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "src/core/error.h"
#include "src/eval/report/html.h"

namespace tmpq {
namespace {

// In units of the view box, which a phone shows at about their size in pixels.
constexpr double kWidth = 440, kPlotHeight = 240, kLeft = 62, kRight = 20, kTop = 10;
constexpr double kBottom = 42, kLegendRow = 18, kLetter = 6.4, kMarker = 4;
constexpr int kMostTicks = 6;

std::string Format(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string TickText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string TextAt(double x, double y, const char* anchor, const std::string& text,
                   const std::string& more = "") {
  return "<text x=\"" + Format(x) + "\" y=\"" + Format(y) + "\" text-anchor=\"" + anchor + "\"" +
         more + ">" + EscapeHtml(text) + "</text>\n";
}

std::string LineFromTo(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + Format(x1) + "\" y1=\"" + Format(y1) + "\" x2=\"" + Format(x2) +
         "\" y2=\"" + Format(y2) + "\" class=\"" + style + "\"/>\n";
}

std::string ShapeAt(double x, double y, const std::vector<std::pair<double, double>>& corners) {
  std::string path;
  for (const auto& [dx, dy] : corners) {
    path += (path.empty() ? "M" : "L") + Format(x + dx) + " " + Format(y + dy);
  }
  return path + "z";
}

std::string CircleAt(double x, double y, double radius) {
  const std::string r = Format(radius), arc = "a" + r + " " + r + " 0 1 0 ";
  return "M" + Format(x - radius) + " " + Format(y) + arc + Format(2 * radius) + " 0" + arc +
         Format(-2 * radius) + " 0z";
}

// As the data of a path.
std::string MarkerAt(double x, double y, ChartMarker marker) {
  const double r = kMarker;
  switch (marker) {
    case ChartMarker::kDot:
      return CircleAt(x, y, r / 2);
    case ChartMarker::kCircle:
      return CircleAt(x, y, r);
    case ChartMarker::kSquare:
      return ShapeAt(x, y, {{-r, -r}, {r, -r}, {r, r}, {-r, r}});
    case ChartMarker::kDiamond:
      return ShapeAt(x, y, {{0, -1.4 * r}, {1.4 * r, 0}, {0, 1.4 * r}, {-1.4 * r, 0}});
    case ChartMarker::kTriangle:
      return ShapeAt(x, y, {{-1.2 * r, -r}, {1.2 * r, -r}, {0, 1.3 * r}});
    case ChartMarker::kCross:
      return "M" + Format(x - r) + " " + Format(y - r) + "l" + Format(2 * r) + " " + Format(2 * r) +
             "M" + Format(x - r) + " " + Format(y + r) + "l" + Format(2 * r) + " " + Format(-2 * r);
    case ChartMarker::kTick:
      return "M" + Format(x) + " " + Format(y - r) + "v" + Format(2 * r);
    case ChartMarker::kNone:
      break;
  }
  return "";
}

// Crosses and ticks are strokes, the others areas.
std::string MarkerClass(const ChartSeries& series) {
  const bool stroke = series.marker == ChartMarker::kCross || series.marker == ChartMarker::kTick;
  return std::string(stroke ? "line" : "area") + " s" + std::to_string(series.color);
}

std::string PathOf(const std::string& data, const std::string& style,
                   const std::string& title = "") {
  const std::string path = "<path d=\"" + data + "\" class=\"" + style + "\"";
  return path + (title.empty() ? "/>\n" : "><title>" + EscapeHtml(title) + "</title></path>\n");
}

std::string LineClass(const ChartSeries& series) {
  return "line s" + std::to_string(series.color) + (series.dashed ? " dashed" : "");
}

}  // namespace

ChartAxis ChartAxis::Of(std::string title, std::span<const double> values, bool zero,
                        bool logarithmic) {
  ChartAxis axis{std::move(title), std::numeric_limits<double>::infinity(),
                 -std::numeric_limits<double>::infinity(), logarithmic, false};
  for (const double value : values) {
    if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
    axis.low = std::min(axis.low, value), axis.high = std::max(axis.high, value);
  }
  if (axis.low > axis.high) axis.low = axis.high = 1;
  if (logarithmic) {
    const double factor = std::pow(std::max(axis.high / axis.low, 1.2), 0.06);
    axis.low /= factor, axis.high *= factor;
    return axis;
  }
  if (zero) axis.low = std::min(axis.low, 0.0);
  double margin = 0.06 * (axis.high - axis.low);
  if (margin == 0) margin = axis.high == 0 ? 1 : 0.1 * std::abs(axis.high);
  if (!zero || axis.low < 0) axis.low -= margin;
  axis.high += margin;
  return axis;
}

std::vector<std::pair<double, std::string>> ChartAxis::Ticks() const {
  std::vector<std::pair<double, std::string>> ticks;
  if (logarithmic && high / low > 4) {
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const bool dense = std::log10(high / low) < 2.5;
    for (int power = first; std::pow(10, power) <= high; ++power) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        const double value = digit * std::pow(10, power);
        if ((digit == 1 || dense) && value >= low && value <= high) {
          ticks.push_back({value, TickText(value)});
        }
      }
    }
    return ticks;
  }
  double step = std::pow(10, std::floor(std::log10((high - low) / kMostTicks)));
  for (const double digit : {2.0, 2.5, 2.0}) {  // 1, 2, 5, 10 times the power
    if ((high - low) / step > kMostTicks) step *= digit;
  }
  if (whole) step = std::max(1.0, step);
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) {
    const double value = k * step + 0.0;  // no -0
    ticks.push_back({value, TickText(value)});
  }
  return ticks;
}

SvgChart::SvgChart(std::string description, ChartAxis x, ChartAxis y)
    : description_(std::move(description)), x_(std::move(x)), y_(std::move(y)) {
  TMPQ_CHECK(x_.low < x_.high && y_.low < y_.high, "an axis has a length");
}

double SvgChart::X(double value) const {
  const auto place = [&](double v) { return x_.logarithmic ? std::log(v) : v; };
  return kLeft + (place(value) - place(x_.low)) / (place(x_.high) - place(x_.low)) *
                     (kWidth - kLeft - kRight);
}

double SvgChart::Y(double value) const {
  const auto place = [&](double v) { return y_.logarithmic ? std::log(v) : v; };
  return kTop + (place(y_.high) - place(value)) / (place(y_.high) - place(y_.low)) * kPlotHeight;
}

bool SvgChart::Inside(double x, double y) const {
  return x >= x_.low && x <= x_.high && y >= y_.low && y <= y_.high;  // false for NaN
}

void SvgChart::Remember(const ChartSeries& series, bool line) {
  const bool known = std::any_of(legend_.begin(), legend_.end(), [&](const LegendEntry& entry) {
    return entry.series.name == series.name;
  });
  if (!series.name.empty() && !known) legend_.push_back({series, line});
}

void SvgChart::Path(const std::vector<std::pair<double, double>>& points,
                    const ChartSeries& series) {
  std::string path;
  for (const auto& [x, y] : points) {
    if (!Inside(x, y)) continue;
    path += (path.empty() ? "M" : "L") + Format(X(x)) + " " + Format(Y(y));
  }
  if (!path.empty()) body_ += PathOf(path, LineClass(series));
  Remember(series, true);
}

void SvgChart::Line(std::span<const double> x, std::span<const double> y,
                    const ChartSeries& series) {
  std::vector<std::pair<double, double>> points;
  for (size_t i = 0; i < x.size(); ++i) points.push_back({x[i], y[i]});
  Path(points, series);
  if (series.marker != ChartMarker::kNone) Points(x, y, series);
}

void SvgChart::Steps(std::span<const double> x, std::span<const double> y,
                     const ChartSeries& series) {
  std::vector<std::pair<double, double>> points;
  for (size_t i = 0; i < x.size(); ++i) {
    if (i > 0) points.push_back({x[i], y[i - 1]});
    points.push_back({x[i], y[i]});
  }
  Path(points, series);
  if (series.marker != ChartMarker::kNone) Points(x, y, series);
}

void SvgChart::Points(std::span<const double> x, std::span<const double> y,
                      const ChartSeries& series, std::span<const std::string> names) {
  for (size_t i = 0; i < x.size(); ++i) {
    if (!Inside(x[i], y[i])) continue;
    body_ += PathOf(MarkerAt(X(x[i]), Y(y[i]), series.marker), MarkerClass(series),
                    i < names.size() ? names[i] : "");
  }
  Remember(series, false);
}

void SvgChart::Interval(double x, double low, double high, const ChartSeries& series) {
  const double from = std::max(low, y_.low), to = std::min(high, y_.high);
  if (!(from <= to) || !Inside(x, from)) return;
  const std::string style = LineClass(series);
  body_ += LineFromTo(X(x), Y(from), X(x), Y(to), style);
  for (const double end : {low, high}) {
    if (Inside(x, end)) body_ += LineFromTo(X(x) - 4, Y(end), X(x) + 4, Y(end), style);
  }
}

void SvgChart::Bars(std::span<const double> edges, std::span<const double> heights,
                    const ChartSeries& series) {
  for (size_t i = 0; i < heights.size(); ++i) {
    const double x = X(edges[i]), top = Y(std::min(heights[i], y_.high));
    body_ += "<rect x=\"" + Format(x + 0.5) + "\" y=\"" + Format(top) + "\" width=\"" +
             Format(X(edges[i + 1]) - x - 1) + "\" height=\"" + Format(Y(y_.low) - top) +
             "\" class=\"area pale s" + std::to_string(series.color) + "\"/>\n";
  }
  Remember({series.name, series.color, ChartMarker::kSquare, false}, false);
}

std::string SvgChart::Axes() const {
  const double bottom = kTop + kPlotHeight, right = kWidth - kRight;
  std::string text;
  for (const auto& [value, label] : x_.Ticks()) {
    text += LineFromTo(X(value), kTop, X(value), bottom, "grid");
    text += TextAt(X(value), bottom + 15, "middle", label);
  }
  for (const auto& [value, label] : y_.Ticks()) {
    text += LineFromTo(kLeft, Y(value), right, Y(value), "grid");
    text += TextAt(kLeft - 6, Y(value) + 4, "end", label);
  }
  text += LineFromTo(kLeft, bottom, right, bottom, "axis");
  text += LineFromTo(kLeft, kTop, kLeft, bottom, "axis");
  text += TextAt((kLeft + right) / 2, bottom + 33, "middle", x_.title);
  const std::string middle = Format(kTop + kPlotHeight / 2);
  return text + TextAt(13, kTop + kPlotHeight / 2, "middle", y_.title,
                       " transform=\"rotate(-90 13 " + middle + ")\"");
}

// Left ends and rows of the entries, one after another.
std::vector<std::pair<double, int>> SvgChart::LegendPlaces() const {
  std::vector<std::pair<double, int>> places;
  double x = kLeft;
  int row = 0;
  for (const LegendEntry& entry : legend_) {
    const double width = 30 + kLetter * static_cast<double>(entry.series.name.size());
    if (x > kLeft && x + width > kWidth - kRight) x = kLeft, ++row;
    places.push_back({x, row});
    x += width + 10;
  }
  return places;
}

std::string SvgChart::Legend() const {
  std::string text;
  const auto places = LegendPlaces();
  for (size_t i = 0; i < legend_.size(); ++i) {
    const ChartSeries& series = legend_[i].series;
    const double x = places[i].first,
                 y = kTop + kPlotHeight + kBottom + 10 + kLegendRow * places[i].second;
    if (legend_[i].line) text += LineFromTo(x, y, x + 20, y, LineClass(series));
    if (series.marker != ChartMarker::kNone) {
      text += PathOf(MarkerAt(x + 10, y, series.marker), MarkerClass(series));
    }
    text += TextAt(x + 25, y + 4, "start", series.name);
  }
  return text;
}

std::string SvgChart::Render() const {
  const int rows = legend_.empty() ? 0 : LegendPlaces().back().second + 1;
  const double height = kTop + kPlotHeight + kBottom + rows * kLegendRow;
  return "<svg viewBox=\"0 0 " + Format(kWidth) + " " + Format(height) +
         "\" role=\"img\" aria-label=\"" + EscapeHtml(description_) +
         "\" xmlns=\"http://www.w3.org/2000/svg\">\n" + Axes() + body_ + Legend() + "</svg>\n";
}

}  // namespace tmpq
