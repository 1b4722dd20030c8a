#include "src/mpi/mpi_job.h"

#include <cstdlib>
#include <string>

#include "src/core/error.h"

#ifdef TMPQ_HAS_MPI
#define OMPI_SKIP_MPICXX 1  // the C interface alone
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <list>
#endif

namespace tmpq {
namespace {

// As the launcher says: Open MPI's mpirun, MPICH's, srun with PMIx or PMI2. The number of ranks
// where it tells, else 0 for "in a job".
int RanksOfLauncher() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const char* value = std::getenv(name)) return std::atoi(value);
  }
  return std::getenv("PMIX_RANK") != nullptr ? 0 : 1;
}

#ifdef TMPQ_HAS_MPI

void Check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(ErrorCode::kIo, std::string("MPI: ") + what, text, "--resume goes on with the run");
}

class MpiTransport : public Transport {
 public:
  MpiTransport() {
    // Other threads compute, this one alone calls MPI.
    int provided = MPI_THREAD_SINGLE;
    Check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "initialization");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }

  ~MpiTransport() override {
    for (Pending& pending : pending_) MPI_Wait(&pending.request, MPI_STATUS_IGNORE);
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void Send(int to, std::string_view bytes) override {
    Pending& pending = pending_.emplace_back();
    pending.bytes = bytes;
    Check(MPI_Isend(pending.bytes.data(), static_cast<int>(pending.bytes.size()), MPI_BYTE, to, 0,
                    MPI_COMM_WORLD, &pending.request),
          "sending");
  }

  std::optional<Message> Poll() override {
    FreeSent();
    int there = 0;
    MPI_Status status;
    Check(MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &status), "polling");
    if (!there) return std::nullopt;
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    Message message{status.MPI_SOURCE, std::string(size, '\0')};
    Check(MPI_Recv(message.bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, 0, MPI_COMM_WORLD,
                   MPI_STATUS_IGNORE),
          "receiving");
    return message;
  }

 private:
  // A message has to stay where it is until it is out.
  struct Pending {
    std::string bytes;
    MPI_Request request;
  };

  void FreeSent() {
    for (auto pending = pending_.begin(); pending != pending_.end();) {
      int sent = 0;
      Check(MPI_Test(&pending->request, &sent, MPI_STATUS_IGNORE), "sending");
      pending = sent ? pending_.erase(pending) : std::next(pending);
    }
  }

  int rank_ = 0, size_ = 1;
  std::list<Pending> pending_;
};

#endif

}  // namespace

std::unique_ptr<Transport> JoinMpiJob() {
  const int ranks = RanksOfLauncher();
  if (ranks == 1) return nullptr;
#ifdef TMPQ_HAS_MPI
  auto job = std::make_unique<MpiTransport>();
  if (job->size() == 1) return nullptr;
  return job;
#else
  throw Error(ErrorCode::kUnsupported, "a job of several ranks", "needs a build with MPI",
              "install libopenmpi-dev and build again, or start the program without mpirun");
#endif
}

}  // namespace tmpq
