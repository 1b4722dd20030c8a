// Work in a process of its own, so that its memory is its own too.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "src/core/json.h"

namespace tmpq {

// Forks, runs `work` in the child and returns what it returned. The caller has started no threads.
// Throws what `work` throws, as an Error about `what`; kIo where the child dies.
Json RunInChild(const std::string& what, const std::function<Json()>& work);

// Bytes of this process that are in memory: anonymous ones and pages of mapped files.
struct ResidentMemory {
  int64_t now = 0, peak = 0;
};
// Throws kIo where /proc has no such figures.
ResidentMemory ReadResidentMemory();

}  // namespace tmpq
