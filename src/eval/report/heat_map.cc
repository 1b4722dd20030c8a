#include "src/eval/report/heat_map.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <set>

#include "src/core/error.h"
#include "src/eval/report/html.h"

namespace tmpq {
namespace {

// In units of the view box.
constexpr double kWidth = 440, kLabels = 150, kRow = 12, kGroup = 17, kNumberWidth = 13;
constexpr double kColumnLabelWidth = 30, kHead = 32, kLegend = 26;

std::string Format(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string TextAt(double x, double y, const char* anchor, const char* style,
                   const std::string& text) {
  return "<text x=\"" + Format(x) + "\" y=\"" + Format(y) + "\" text-anchor=\"" + anchor +
         "\" class=\"" + style + "\">" + EscapeHtml(text) + "</text>\n";
}

std::string NameOfBits(int bits) { return bits == 32 ? "float" : std::to_string(bits); }

std::string CellAt(double x, double y, double width, double height, int bits,
                   const std::string& title) {
  return "<rect x=\"" + Format(x) + "\" y=\"" + Format(y) + "\" width=\"" + Format(width) +
         "\" height=\"" + Format(height) + "\" class=\"b" + std::to_string(bits) + "\">" +
         "<title>" + EscapeHtml(title) + "</title></rect>\n";
}

// Left ends of the columns, and the right end of the last.
std::vector<double> ColumnEdges(const HeatMap& map) {
  const double sum = std::accumulate(map.column_widths.begin(), map.column_widths.end(), 0.0);
  std::vector<double> edges = {kLabels};
  for (const double width : map.column_widths) {
    edges.push_back(edges.back() + width / sum * (kWidth - kLabels));
  }
  return edges;
}

// Labels of columns, as many as do not touch each other.
std::string Head(const HeatMap& map, const std::vector<double>& edges) {
  std::string text = TextAt((kLabels + kWidth) / 2, 12, "middle", "small", map.column_title);
  double free = kLabels;
  for (size_t c = 0; c < map.columns.size(); ++c) {
    const double middle = (edges[c] + edges[c + 1]) / 2;
    const double half = std::max(kColumnLabelWidth, 5.5 * map.columns[c].size()) / 2;
    if (middle - half < free - 4 || middle + half > kWidth + 4) continue;
    text += TextAt(middle, 26, "middle", "small", map.columns[c]);
    free = middle + half;
  }
  return text;
}

std::string Legend(const HeatMap& map, double y) {
  std::set<int> present;
  for (const auto& row : map.bits) present.insert(row.begin(), row.end());
  std::string text = TextAt(kLabels - 6, y + 11, "end", "small", "bits");
  double x = kLabels;
  for (const int bits : present) {
    text += CellAt(x, y + 2, 14, kRow, bits, NameOfBits(bits));
    text += TextAt(x + 18, y + 11, "start", "small", NameOfBits(bits));
    x += bits == 32 ? 52 : 34;
  }
  return text;
}

}  // namespace

std::string RenderHeatMap(const HeatMap& map) {
  TMPQ_CHECK(map.rows.size() == map.bits.size() && map.rows.size() == map.groups.size() &&
                 map.columns.size() == map.column_widths.size(),
             "a heat map's parts fit each other");
  const std::vector<double> edges = ColumnEdges(map);
  std::string body = Head(map, edges), group;
  double y = kHead;
  for (size_t r = 0; r < map.rows.size(); ++r) {
    if (map.groups[r] != group) {
      group = map.groups[r];
      body += TextAt(2, y + 12, "start", "group", group);
      y += kGroup;
    }
    body += TextAt(kLabels - 6, y + 9.5, "end", "small", map.rows[r]);
    for (size_t c = 0; c < map.columns.size(); ++c) {
      const double width = edges[c + 1] - edges[c];
      const int bits = map.bits[r][c];
      body += CellAt(edges[c], y, width, kRow, bits,
                     map.rows[r] + ", " + map.columns[c] + ": " + NameOfBits(bits));
      if (width < kNumberWidth) continue;
      const std::string style = "cell t" + std::to_string(bits);
      body += TextAt(edges[c] + width / 2, y + 9.5, "middle", style.c_str(),
                     bits == 32 ? "fp" : std::to_string(bits));
    }
    y += kRow;
  }
  body += Legend(map, y + 6);
  return "<svg viewBox=\"0 0 " + Format(kWidth) + " " + Format(y + 6 + kLegend) +
         "\" role=\"img\" aria-label=\"" + EscapeHtml(map.description) +
         "\" xmlns=\"http://www.w3.org/2000/svg\">\n" + body + "</svg>\n";
}

}  // namespace tmpq
