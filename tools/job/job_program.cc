#include "tools/job/job_program.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "src/core/interrupt.h"
#include "src/eval/workers/task_pool.h"
#include "src/mpi/mpi_job.h"

namespace tmpq {
namespace {

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

// Rank 0 speaks for the job: the others are silent, and tell it their errors.
void ServeRank(int argc, char** argv, const JobProgram& program, Transport& ranks) {
  RankServer server(ranks, &InstallInterruptHandler());
  ProgramInfo info = program.info;
  info.on_error = [&](ErrorCode code, const std::string& message) {
    server.Fail(code, HostName() + ": " + message);
  };
  if (std::freopen("/dev/null", "w", stdout) == nullptr) {
    server.Fail(ErrorCode::kIo, HostName() + ": /dev/null cannot be written");
  }
  RunProgram(argc, argv, info, program.declare,
             [&](const cxxopts::ParseResult& arguments) { program.serve(arguments, server); });
  server.Leave();
}

}  // namespace

int RunJobProgram(int argc, char** argv, const JobProgram& program) {
  std::unique_ptr<Transport> ranks;
  try {
    ranks = JoinMpiJob();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: error: %s\n", program.info.name.c_str(), error.what());
    return error.exit_code();
  }
  if (ranks != nullptr && ranks->rank() != kLeadRank) {
    ServeRank(argc, argv, program, *ranks);
    return kDone;
  }
  const int code = RunProgram(
      argc, argv, program.info, program.declare,
      [&](const cxxopts::ParseResult& arguments) { program.lead(arguments, ranks.get()); });
  if (ranks != nullptr) StopRanks(*ranks);
  return code;
}

}  // namespace tmpq
