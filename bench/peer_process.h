// A contestant in a process of its own, in another language: it waits until it is asked to run.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

namespace tmpq {

// Starts `command`, whose first word is looked up in PATH; it answers every line on its standard
// input with one on its output. Ends with the object.
class PeerProcess {
 public:
  // Waits until it says "ready" (with more behind it). Throws kIo where it does not.
  PeerProcess(const std::string& name, const std::vector<std::string>& command);
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // What it said behind "ready": its version.
  const std::string& greeting() const { return greeting_; }
  // Sends `question` and waits for `answer`. Throws kIo where another comes, or none.
  void Ask(const std::string& question, const std::string& answer);

 private:
  std::string ReadLine();

  std::string name_, greeting_;
  pid_t child_ = -1;
  FILE *questions_ = nullptr, *answers_ = nullptr;
};

}  // namespace tmpq
