#include "src/core/interrupt.h"

#include <csignal>

namespace tmpq {
namespace {

std::atomic<bool> interrupted{false};  // written by a signal handler: must be static

void HandleSignal(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

const std::atomic<bool>& InstallInterruptHandler() {
  std::signal(SIGINT, HandleSignal);
  std::signal(SIGTERM, HandleSignal);
  return interrupted;
}

}  // namespace tmpq
