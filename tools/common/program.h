// What every program shares: --help, --version and --json, errors as one line and an exit code,
// progress on stderr.
#pragma once

#include <cxxopts.hpp>
#include <filesystem>
#include <functional>
#include <string>

#include "src/core/error.h"
#include "src/core/json.h"
#include "src/core/progress.h"

namespace tmpq {

// Exit codes: done, failed, bad usage.
enum ExitCode { kDone = 0, kFailed = 1, kBadUsage = 2 };

struct ProgramInfo {
  std::string name;         // "tmpq-run"
  std::string description;  // one sentence
  std::string positional;   // how left-over arguments are called in --help: "CONFIG.ini", or empty
  // What hears of an error instead of stderr, as a rank of a job whose first speaks for all.
  std::function<void(ErrorCode, const std::string&)> on_error = {};
};

// Declares the program's flags with `declare`, adds the common ones, parses the command line and
// runs `body`. Returns the exit code. tmpq::Error and anything else thrown become "<program>:
// error: <message>" on stderr;
// --help and --version print and end with 0; an unknown flag, a bad value or a left-over argument
// ends with 2.
int RunProgram(int argc, char** argv, const ProgramInfo& info,
               const std::function<void(cxxopts::Options&)>& declare,
               const std::function<void(const cxxopts::ParseResult&)>& body);

// The value of `flag`, or kUsage naming the flag when it is missing.
std::string Required(const cxxopts::ParseResult& arguments, const std::string& flag);

// Throws kUsage unless 0 (one per core) to 1024.
void CheckThreads(int threads);
// Throws kUsage unless 1 to 1024 samples per network call.
void CheckBatch(int64_t batch);

// --json was given: the result belongs on stdout as one JSON document.
bool WantsJson(const cxxopts::ParseResult& arguments);
void PrintJson(const Json& result);

// A bar where stderr is a terminal, plain lines elsewhere.
TerminalProgress MakeProgress();

// The checkpoints folder that comes with this build: bundled models by name.
std::filesystem::path BundledCheckpoints();

// Keeps freed memory in the process instead of returning it to the system after every network call,
// which costs up to three times the time of training. For a program's first line.
void KeepFreedMemory();

}  // namespace tmpq
