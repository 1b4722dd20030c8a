// What pages are put together from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tmpq {

// Text within elements and quoted attributes.
std::string EscapeHtml(std::string_view text);

// "data:<type>;base64,..": a file within a page.
std::string DataUri(const std::string& type, std::string_view bytes);

// Three significant digits, as far as numbers of this size are written out: "0.123", "2064512".
std::string ShortNumber(double value);

// A table that scrolls sideways where the page is too narrow. Cells are HTML; the first of a row is
// its heading.
std::string HtmlTable(const std::vector<std::string>& header,
                      const std::vector<std::vector<std::string>>& rows);

}  // namespace tmpq
