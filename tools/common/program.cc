#include "tools/common/program.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <new>

#include "src/core/error.h"
#include "src/core/version.h"

namespace tmpq {
namespace {

constexpr size_t kHelpWidth = 110;  // columns
constexpr int kMaxThreads = 1024;
constexpr int kMaxBatch = 1024;

int Complain(const ProgramInfo& info, ErrorCode code, const std::string& message) {
  if (info.on_error) {
    info.on_error(code, message);
  } else {
    std::fprintf(stderr, "%s: error: %s\n", info.name.c_str(), message.c_str());
  }
  return Error(code, "", message).exit_code();
}

void ParseAndRun(int argc, char** argv, cxxopts::Options& options,
                 const std::function<void(const cxxopts::ParseResult&)>& body) {
  const cxxopts::ParseResult arguments = options.parse(argc, argv);
  if (arguments.count("help") > 0) {
    std::cout << options.help();
  } else if (arguments.count("version") > 0) {
    std::cout << options.program() << " " << Version() << " (" << GitRevision() << ")\n";
  } else if (!arguments.unmatched().empty()) {
    throw Error(ErrorCode::kUsage, "command line",
                "\"" + arguments.unmatched().front() + "\" is not expected", "see --help");
  } else {
    body(arguments);
  }
}

}  // namespace

int RunProgram(int argc, char** argv, const ProgramInfo& info,
               const std::function<void(cxxopts::Options&)>& declare,
               const std::function<void(const cxxopts::ParseResult&)>& body) {
  try {
    cxxopts::Options options(info.name, info.description);
    options.set_width(kHelpWidth);
    declare(options);
    options.add_options()("h,help", "print this help and exit")(
        "version", "print the version and exit")("json", "print the result as JSON on stdout");
    options.positional_help(info.positional);
    ParseAndRun(argc, argv, options, body);
    return kDone;
  } catch (const Error& error) {
    return Complain(info, error.code(), error.what());
  } catch (const cxxopts::exceptions::exception& error) {
    return Complain(info, ErrorCode::kUsage, std::string(error.what()) + "; see --help");
  } catch (const std::bad_alloc&) {
    return Complain(info, ErrorCode::kIo, "out of memory");
  } catch (const std::exception& error) {
    return Complain(info, ErrorCode::kInput, std::string("internal: ") + error.what());
  }
}

std::string Required(const cxxopts::ParseResult& arguments, const std::string& flag) {
  if (arguments.count(flag) == 0)
    throw Error(ErrorCode::kUsage, "--" + flag, "is missing", "see --help");
  return arguments[flag].as<std::string>();
}

void CheckThreads(int threads) { CheckRange("--threads", threads, 0, kMaxThreads); }

void CheckBatch(int64_t batch) { CheckRange("--batch", static_cast<double>(batch), 1, kMaxBatch); }

bool WantsJson(const cxxopts::ParseResult& arguments) { return arguments.count("json") > 0; }

void PrintJson(const Json& result) { std::cout << result.dump(2) << std::endl; }

TerminalProgress MakeProgress() { return TerminalProgress(stderr, isatty(STDERR_FILENO) != 0); }

std::filesystem::path BundledCheckpoints() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto installed = program.parent_path().parent_path() / TMPQ_INSTALLED_CHECKPOINTS;
  if (!error && std::filesystem::is_directory(installed, error)) return installed;
  return TMPQ_BUNDLED_CHECKPOINTS;
}

void KeepFreedMemory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace tmpq
