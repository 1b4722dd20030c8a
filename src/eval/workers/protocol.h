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

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/core/error.h"
#include "src/core/json.h"
#include "src/search/evaluator.h"

namespace tmpq {

enum class MessageKind { kSetup, kReady, kTask, kCancel, kAnswer, kStopped, kFailed, kStop, kBye };

// One message; of each kind the fields named there count.
struct JobMessage {
  MessageKind kind = MessageKind::kStop;
  int64_t task = 0;                                // kTask, kCancel, kAnswer, kStopped
  Fidelity fidelity = Fidelity::kPredicted;        // kTask
  Json candidate = {};                             // kTask: CandidateToJson
  Measurements measurements = {};                  // kAnswer
  ErrorCode code = ErrorCode::kInput;              // kFailed
  std::string text = {};                           // kFailed: what and where
  std::map<std::string, std::string> hashes = {};  // kSetup: of the artefacts
  std::vector<std::string> files = {};             // kSetup: that the run's folder has
};

// Numbers go through exactly, those that are none included.
std::string EncodeMessage(const JobMessage& message);
// Throws kInput for anything that EncodeMessage did not write.
JobMessage DecodeMessage(std::string_view bytes);

}  // namespace tmpq
