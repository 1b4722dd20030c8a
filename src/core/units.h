// Units that people write numbers with.
#pragma once

#include <map>
#include <string>

namespace tmpq {

// Bytes of "B", "kB", "MB", "KiB" or "MiB"; 0 for anything else.
inline double BytesPerUnit(const std::string& unit) {
  static const std::map<std::string, double> kUnits = {
      {"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"KiB", 1024}, {"MiB", 1024 * 1024}};
  const auto found = kUnits.find(unit);
  return found == kUnits.end() ? 0 : found->second;
}

// Nanoseconds of "us", "ms" or "s"; 0 for anything else.
inline double NanosecondsPerUnit(const std::string& unit) {
  static const std::map<std::string, double> kUnits = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  const auto found = kUnits.find(unit);
  return found == kUnits.end() ? 0 : found->second;
}

}  // namespace tmpq
