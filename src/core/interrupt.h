// Ctrl-C as a flag that long work polls.
#pragma once

#include <atomic>

namespace tmpq {

// Set by SIGINT and SIGTERM after InstallInterruptHandler(); a second signal ends the process at
// once.
const std::atomic<bool>& InstallInterruptHandler();

}  // namespace tmpq
