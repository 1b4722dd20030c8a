// Bit-widths as a table of coloured cells in inline SVG: rows by groups, columns with widths.
#pragma once

#include <string>
#include <vector>

namespace tmpq {

struct HeatMap {
  std::string description;  // for readers who do not see it
  std::string column_title;
  std::vector<std::string> columns;    // labels
  std::vector<double> column_widths;   // relative
  std::vector<std::string> rows;       // labels
  std::vector<std::string> groups;     // of each row; equal ones are neighbours
  std::vector<std::vector<int>> bits;  // [row][column]: 2..8, 16, or 32 for float
};

// Cells have classes b2..b8, b16, b32 (page_style.h), and their number where it fits.
std::string RenderHeatMap(const HeatMap& map);

}  // namespace tmpq
