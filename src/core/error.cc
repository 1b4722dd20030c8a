#include "src/core/error.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace tmpq {
namespace {

std::string Compose(const std::string& where, const std::string& what, const std::string& remedy) {
  std::string message = where.empty() ? what : where + ": " + what;
  if (!remedy.empty()) message += "; " + remedy;
  return message;
}

}  // namespace

Error::Error(ErrorCode code, const std::string& where, const std::string& what,
             const std::string& remedy)
    : std::runtime_error(Compose(where, what, remedy)), code_(code) {}

void CheckRange(const std::string& name, double value, double low, double high) {
  if (value >= low && value <= high) return;  // NaN fails both and is refused below
  std::ostringstream what, remedy;
  what << value << " is out of range";
  remedy << "allowed are " << low << " to " << high;
  throw Error(ErrorCode::kUsage, name, what.str(), remedy.str());
}

namespace internal {

void CheckFailed(const char* file, int line, const char* condition, const std::string& message) {
  std::fprintf(stderr, "%s:%d: check failed: %s: %s\n", file, line, condition, message.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace tmpq
