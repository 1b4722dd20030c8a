// The flags of a resumable run in a folder, which every program that has one shares.
#pragma once

#include <string>

#include "src/core/interrupt.h"
#include "src/eval/driver/search_bench.h"
#include "tools/common/program.h"

namespace tmpq {

inline SearchSession ReadSession(const cxxopts::ParseResult& arguments, Progress& progress) {
  SearchSession session;
  session.out = Required(arguments, "out");
  session.bundled = BundledCheckpoints();
  session.resume = arguments.count("resume") > 0;
  session.overwrite = arguments.count("overwrite") > 0;
  session.threads = arguments["threads"].as<int>();
  session.batch = arguments["batch"].as<int>();
  session.interrupted = &InstallInterruptHandler();
  session.progress = &progress;
  CheckThreads(session.threads);
  CheckBatch(session.batch);
  if (session.resume && session.overwrite) {
    throw Error(ErrorCode::kUsage, "--resume and --overwrite", "contradict each other",
                "give one of them");
  }
  return session;
}

// Runs `body`; says how to go on where it was interrupted.
template <typename Body>
void RunResumable(const SearchSession& session, const std::string& what, Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInterrupted) throw;
    throw Error(ErrorCode::kInterrupted, session.out.string(), "the " + what + " was interrupted",
                "the same command with --resume goes on");
  }
}

}  // namespace tmpq
