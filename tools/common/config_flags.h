// A config struct (src/core/config.h) as flags of a program: "trajectory_steps" is
// --trajectory-steps.
#pragma once

#include <algorithm>
#include <cxxopts.hpp>
#include <map>
#include <set>
#include <string>

#include "src/core/config.h"

namespace tmpq {

inline std::string FlagOf(std::string field) {
  std::replace(field.begin(), field.end(), '_', '-');
  return field;
}

// A flag for each field, but for those whose flag the program declares itself: `declared`.
template <typename Config>
void DeclareConfigFlags(cxxopts::Options& options, const std::string& group, Config defaults,
                        const std::set<std::string>& declared = {}) {
  defaults.ForEachField([&](const char* name, auto& field, const char* help) {
    if (declared.count(FlagOf(name)) > 0) return;
    options.add_options(group)(
        FlagOf(name), std::string(help) + " (default: " + internal::FormatValue(field) + ")",
        cxxopts::value<std::string>());
  });
}

// Sets the fields whose flags were given. Throws kUsage naming a flag's field and its value.
template <typename Config>
void ApplyConfigFlags(const cxxopts::ParseResult& arguments, Config& config) {
  std::map<std::string, std::string> texts, given;
  for (const cxxopts::KeyValue& argument : arguments.arguments()) {
    texts[argument.key()] = argument.value();
  }
  config.ForEachField([&](const char* name, auto&, const char*) {
    const auto found = texts.find(FlagOf(name));
    if (found != texts.end()) given[name] = found->second;
  });
  ApplyValues(config, given, "command line");
}

}  // namespace tmpq
