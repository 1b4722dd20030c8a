// What the ranks of a job say to each other. Rank 0 leads; the others work for it:
//
//   rank 0                          others
//   Setup: the folder is ready  ->
//                               <-  Ready: opened all of it
//   Task                        ->
//   Cancel: another was first   ->
//                               <-  Answer, or Stopped: of a task that was cancelled
//                               <-  Failed: an error, in words; the rank serves no longer
//   Stop                        ->
//                               <-  Bye, the last message
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/core/error.h"
#include "src/core/json.h"

namespace tmpq {

enum class MessageKind { kSetup, kReady, kTask, kCancel, kAnswer, kStopped, kFailed, kStop, kBye };

// One message; of each kind the fields named there count.
struct JobMessage {
  MessageKind kind = MessageKind::kStop;
  int64_t task = 0;  // kTask, kCancel, kAnswer, kStopped
  // kSetup: what all have to know; kTask: what is to be done; kAnswer: what came of it. In words of
  // the job: a search's are in candidate_tasks.h.
  Json content = {};
  ErrorCode code = ErrorCode::kInput;  // kFailed
  std::string text = {};               // kFailed: what and where
};

std::string EncodeMessage(const JobMessage& message);
// Throws kInput for anything that EncodeMessage did not write.
JobMessage DecodeMessage(std::string_view bytes);

}  // namespace tmpq
