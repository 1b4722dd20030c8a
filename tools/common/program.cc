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

int Complain(const std::string& program, const std::string& message, int code) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
  return code;
}

int ParseAndRun(int argc, char** argv, cxxopts::Options& options,
                const std::function<int(const cxxopts::ParseResult&)>& body) {
  const cxxopts::ParseResult arguments = options.parse(argc, argv);
  if (arguments.count("help") > 0) {
    std::cout << options.help();
    return kDone;
  }
  if (arguments.count("version") > 0) {
    std::cout << options.program() << " " << Version() << " (" << GitRevision() << ")\n";
    return kDone;
  }
  if (!arguments.unmatched().empty()) {
    throw Error(ErrorCode::kUsage, "command line",
                "\"" + arguments.unmatched().front() + "\" is one too many", "see --help");
  }
  return body(arguments);
}

}  // namespace

int RunMain(int argc, char** argv, cxxopts::Options& options,
            const std::function<int(const cxxopts::ParseResult&)>& body) {
  options.set_width(110);
  options.add_options()("h,help", "print this and exit")("version", "print the version and exit")(
      "json", "print the result as JSON on stdout");
  const std::string program = options.program();
  try {
    return ParseAndRun(argc, argv, options, body);
  } catch (const Error& error) {
    return Complain(program, error.what(), error.exit_code());
  } catch (const cxxopts::exceptions::exception& error) {
    return Complain(program, std::string(error.what()) + "; see --help", kBadUsage);
  } catch (const std::bad_alloc&) {
    return Complain(program, "out of memory", kFailed);
  } catch (const std::exception& error) {
    return Complain(program, std::string("internal error: ") + error.what(), kFailed);
  }
}

std::string Required(const cxxopts::ParseResult& arguments, const std::string& flag) {
  if (arguments.count(flag) == 0)
    throw Error(ErrorCode::kUsage, "--" + flag, "is missing", "see --help");
  return arguments[flag].as<std::string>();
}

bool WantsJson(const cxxopts::ParseResult& arguments) { return arguments.count("json") > 0; }

void PrintJson(const Json& result) { std::cout << result.dump(2) << std::endl; }

TerminalProgress MakeProgress() { return TerminalProgress(stderr, isatty(STDERR_FILENO) != 0); }

std::filesystem::path BundledCheckpoints() { return TMPQ_BUNDLED_CHECKPOINTS; }

void KeepFreedMemory() {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

}  // namespace tmpq
