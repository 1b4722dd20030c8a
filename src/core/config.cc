#include "src/core/config.h"

#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <fstream>

#include "src/core/file.h"

namespace tmpq {

std::map<std::string, std::string> ReadIni(const std::filesystem::path& path) {
  namespace po = boost::program_options;
  std::istringstream text(ReadFile(path, 1 << 20));
  std::map<std::string, std::string> values;
  try {
    const po::options_description any;
    for (const auto& option :
         po::parse_config_file(text, any, /*allow_unregistered=*/true).options) {
      if (!values.emplace(option.string_key, option.value.at(0)).second) {
        throw Error(ErrorCode::kUsage, path.string(),
                    "key \"" + option.string_key + "\" stands twice");
      }
    }
  } catch (const po::error& error) {
    throw Error(ErrorCode::kUsage, path.string(), error.what(),
                "lines are `key = value` or `[section]`");
  }
  return values;
}

namespace internal {
namespace {

template <typename T>
void ParseNumber(const std::string& where, const std::string& text, T& value, const char* kind) {
  T parsed{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::kUsage, where, "\"" + text + "\" is not " + kind);
  }
  value = parsed;
}

template <typename T>
std::string FormatNumber(T value) {
  char text[64];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  return {text, result.ptr};
}

}  // namespace

void ParseValue(const std::string&, const std::string& text, std::string& value) { value = text; }
void ParseValue(const std::string& where, const std::string& text, bool& value) {
  if (text != "true" && text != "false") {
    throw Error(ErrorCode::kUsage, where, "\"" + text + "\" is not true or false");
  }
  value = text == "true";
}
void ParseValue(const std::string& where, const std::string& text, int& value) {
  ParseNumber(where, text, value, "a whole number");
}
void ParseValue(const std::string& where, const std::string& text, int64_t& value) {
  ParseNumber(where, text, value, "a whole number");
}
void ParseValue(const std::string& where, const std::string& text, uint64_t& value) {
  ParseNumber(where, text, value, "a whole number of at least 0");
}
void ParseValue(const std::string& where, const std::string& text, double& value) {
  ParseNumber(where, text, value, "a number");
  if (!std::isfinite(value))
    throw Error(ErrorCode::kUsage, where, "\"" + text + "\" is not a finite number");
}
void ParseValue(const std::string& where, const std::string& text, std::vector<int>& value) {
  std::vector<int> parsed;
  std::istringstream items(text);
  for (std::string item; std::getline(items, item, ',');) {
    ParseNumber(where, item, parsed.emplace_back(), "a list of whole numbers such as 3,4,8");
  }
  if (parsed.empty()) throw Error(ErrorCode::kUsage, where, "the list is empty");
  value = parsed;
}
void ParseValue(const std::string& where, const std::string& text, IntRange& value) {
  const size_t dots = text.find("..");
  const char* kind = "a whole number, or a range such as 5..20";
  IntRange parsed;
  ParseNumber(where, text.substr(0, dots), parsed.least, kind);
  parsed.most = parsed.least;
  if (dots != std::string::npos) ParseNumber(where, text.substr(dots + 2), parsed.most, kind);
  if (parsed.most < parsed.least) {
    throw Error(ErrorCode::kUsage, where, "\"" + text + "\" ends before it begins",
                "the smaller number first");
  }
  value = parsed;
}

std::string FormatValue(const std::string& value) { return value; }
std::string FormatValue(bool value) { return value ? "true" : "false"; }
std::string FormatValue(int value) { return FormatNumber(value); }
std::string FormatValue(int64_t value) { return FormatNumber(value); }
std::string FormatValue(uint64_t value) { return FormatNumber(value); }
std::string FormatValue(double value) { return FormatNumber(value); }
std::string FormatValue(const std::vector<int>& value) {
  std::string text;
  for (const int item : value) text += (text.empty() ? "" : ",") + std::to_string(item);
  return text;
}
std::string FormatValue(const IntRange& value) {
  const std::string least = FormatNumber(value.least);
  return value.single() ? least : least + ".." + FormatNumber(value.most);
}

}  // namespace internal
}  // namespace tmpq
