// Errors of the world (files, configs, shapes and devices from outside) are thrown as tmpq::Error;
// broken assumptions of our own code abort through TMPQ_CHECK. Libraries never print and never
// exit.
#pragma once

#include <stdexcept>
#include <string>

namespace tmpq {

// What kind of thing went wrong; programs map it to an exit code.
enum class ErrorCode {
  kUsage,        // the command line or a config asks for something that cannot be (exit code 2)
  kInput,        // a file or value from outside is wrong
  kCorrupt,      // a file's bytes are not what was written: truncated, bit-flipped, wrong checksum
  kIo,           // the operating system refused: missing file, permission, full disk
  kUnsupported,  // legal, but not implemented for this device or format
  kInterrupted,  // stopped by the user; the work can be resumed
};

// One exception type: what is wrong, where (file, key, tensor, flag), and what would be right.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& where, const std::string& what,
        const std::string& remedy = "");

  ErrorCode code() const { return code_; }
  // Exit code of a program that ends with this error: 2 for usage, else 1.
  int exit_code() const { return code_ == ErrorCode::kUsage ? 2 : 1; }

 private:
  ErrorCode code_;
};

// Throws kUsage unless low <= value <= high; the message names all four.
void CheckRange(const std::string& name, double value, double low, double high);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);
}  // namespace internal

}  // namespace tmpq

// Aborts with context when our own code broke an invariant. Always on.
#define TMPQ_CHECK(condition, message)                                                        \
  do {                                                                                        \
    if (!(condition)) ::tmpq::internal::CheckFailed(__FILE__, __LINE__, #condition, message); \
  } while (false)
