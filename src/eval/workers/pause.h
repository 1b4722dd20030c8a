// How long who waits for messages sleeps between two looks.
#pragma once

#include <chrono>
#include <thread>

namespace tmpq {

// Evaluations take tenths of a second and more, so half a millisecond is nothing beside them; and
// two thousand looks a second leave the processor to those who evaluate (MPI's own waiting does
// not).
inline void Pause() { std::this_thread::sleep_for(std::chrono::microseconds(500)); }

}  // namespace tmpq
