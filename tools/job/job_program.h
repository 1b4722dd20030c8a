// A program that mpirun may start on many machines: rank 0 leads and speaks, the others serve it.
#pragma once

#include <functional>

#include "src/eval/workers/rank_server.h"
#include "src/eval/workers/transport.h"
#include "tools/common/program.h"

namespace tmpq {

struct JobProgram {
  ProgramInfo info;
  std::function<void(cxxopts::Options&)> declare;
  // Rank 0's part, or the whole program's; `ranks` is null outside of a job of several.
  std::function<void(const cxxopts::ParseResult&, Transport* ranks)> lead;
  // Another rank's, whose stdout is closed; its errors go to rank 0.
  std::function<void(const cxxopts::ParseResult&, RankServer&)> serve;
};

// Joins the job that this process is in, if any, runs the rank's part as RunProgram does, and
// leaves the job together with the others. Returns the exit code.
int RunJobProgram(int argc, char** argv, const JobProgram& program);

}  // namespace tmpq
