// One declaration per config struct: a static visitor lists (field, name, unit or range, help);
// reading an INI file, command-line overrides, --help, the effective config's text and its hash all
// come from it.
//
//   struct TrainConfig {
//     int steps = 9000;
//     template <typename V> void ForEachField(V&& visit) { visit("steps", steps, "optimizer
//     steps"); }
//   };
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "src/core/error.h"
#include "src/core/int_range.h"

namespace tmpq {

// Key-value pairs of an INI file ("section.key" -> text), through Boost.Program_options. Throws
// kIo, kInput.
std::map<std::string, std::string> ReadIni(const std::filesystem::path& path);

namespace internal {
void ParseValue(const std::string& where, const std::string& text, std::string& value);
void ParseValue(const std::string& where, const std::string& text, bool& value);
void ParseValue(const std::string& where, const std::string& text, int& value);
void ParseValue(const std::string& where, const std::string& text, int64_t& value);
void ParseValue(const std::string& where, const std::string& text, uint64_t& value);
void ParseValue(const std::string& where, const std::string& text, double& value);
void ParseValue(const std::string& where, const std::string& text, std::vector<int>& value);
void ParseValue(const std::string& where, const std::string& text, IntRange& value);
std::string FormatValue(const std::string& value);
std::string FormatValue(bool value);
std::string FormatValue(int value);
std::string FormatValue(int64_t value);
std::string FormatValue(uint64_t value);
std::string FormatValue(double value);
std::string FormatValue(const std::vector<int>& value);
std::string FormatValue(const IntRange& value);
}  // namespace internal

// Sets the fields named in `values`; an unknown key is an error (kUsage) that lists the known ones.
template <typename Config>
void ApplyValues(Config& config, std::map<std::string, std::string> values,
                 const std::string& where) {
  std::string known;
  config.ForEachField([&](const char* name, auto& field, const char* /*help*/) {
    known += (known.empty() ? "" : ", ") + std::string(name);
    const auto found = values.find(name);
    if (found == values.end()) return;
    internal::ParseValue(where + ": " + name, found->second, field);
    values.erase(found);
  });
  if (!values.empty()) {
    throw Error(ErrorCode::kUsage, where, "unknown key \"" + values.begin()->first + "\"",
                "known are: " + known);
  }
}

template <typename Config>
Config LoadConfig(const std::filesystem::path& path) {
  Config config;
  ApplyValues(config, ReadIni(path), path.string());
  return config;
}

// "key = value" lines of all fields, in declaration order: the effective config, also what is
// hashed.
template <typename Config>
std::string ConfigText(Config config) {
  std::ostringstream text;
  config.ForEachField([&](const char* name, auto& field, const char* /*help*/) {
    text << name << " = " << internal::FormatValue(field) << "\n";
  });
  return text.str();
}

// The same of the fields that are not at their default: stays as it is when a field is added.
template <typename Config>
std::string ChangedText(Config config) {
  std::map<std::string, std::string> defaults;
  Config().ForEachField([&](const char* name, auto& field, const char* /*help*/) {
    defaults[name] = internal::FormatValue(field);
  });
  std::ostringstream text;
  config.ForEachField([&](const char* name, auto& field, const char* /*help*/) {
    const std::string value = internal::FormatValue(field);
    if (value != defaults[name]) text << name << " = " << value << "\n";
  });
  return text.str();
}

}  // namespace tmpq
