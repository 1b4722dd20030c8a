// Configs as text, "key = value" lines as ConfigText writes them, read back.
#pragma once

#include <map>
#include <string>

namespace tmpq {

// Values by key; lines of another form are left out.
std::map<std::string, std::string> ConfigValues(const std::string& text);

}  // namespace tmpq
