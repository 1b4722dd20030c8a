#include "src/core/config_text.h"

#include <algorithm>

namespace tmpq {

std::map<std::string, std::string> ConfigValues(const std::string& text) {
  std::map<std::string, std::string> values;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const size_t equals = line.find(" = ");
    if (equals != std::string::npos) values[line.substr(0, equals)] = line.substr(equals + 3);
    begin = end + 1;
  }
  return values;
}

}  // namespace tmpq
