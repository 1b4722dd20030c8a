// A finished search as text.
#pragma once

#include <string>

#include "src/eval/driver/search_driver.h"

namespace tmpq {

// "0.123": three significant digits.
std::string Rounded(double value);

// The table that a run ends with, and what the plan gained.
std::string TableOf(const SearchResult& result);

}  // namespace tmpq
