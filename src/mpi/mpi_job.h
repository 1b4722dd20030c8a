// The ranks of an MPI job as a Transport. The only file that knows MPI.
#pragma once

#include <memory>

#include "src/eval/workers/transport.h"

namespace tmpq {

// Joins the job that mpirun or srun started this process in; null outside of one, or where it has
// one rank: MPI is then not touched at all. Reads the launcher's environment variables. The
// transport leaves the job when it is destroyed, which has to happen in the same thread; every rank
// does so, after what it has sent was received. Throws kUnsupported where this build has no MPI and
// the job several ranks.
std::unique_ptr<Transport> JoinMpiJob();

}  // namespace tmpq
