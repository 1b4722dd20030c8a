#include "bench/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr const char* kReady = "ready ";

}  // namespace

PeerProcess::PeerProcess(const std::string& name, const std::vector<std::string>& command)
    : name_(name) {
  std::signal(SIGPIPE, SIG_IGN);  // one that has died gives no answer, which says enough
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
    throw Error(ErrorCode::kIo, name_, "no pipe can be made");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int failed = posix_spawnp(&child_, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(to[0]), close(from[1]);
  questions_ = fdopen(to[1], "w"), answers_ = fdopen(from[0], "r");
  if (failed != 0)
    throw Error(ErrorCode::kIo, name_, command[0] + " cannot be started", std::strerror(failed));
  const std::string line = ReadLine();
  if (line.rfind(kReady, 0) != 0) throw Error(ErrorCode::kIo, name_, "is not ready", "see above");
  greeting_ = line.substr(std::strlen(kReady));
}

PeerProcess::~PeerProcess() {
  if (questions_ != nullptr) fclose(questions_);  // the end of its input is the end of its work
  if (answers_ != nullptr) fclose(answers_);
  if (child_ > 0) waitpid(child_, nullptr, 0);
}

void PeerProcess::Ask(const std::string& question, const std::string& answer) {
  std::fprintf(questions_, "%s\n", question.c_str());
  std::fflush(questions_);
  const std::string line = ReadLine();
  if (line != answer) {
    throw Error(ErrorCode::kIo, name_, "says \"" + line + "\"", "\"" + answer + "\"");
  }
}

std::string PeerProcess::ReadLine() {
  std::string line;
  for (int c; (c = std::fgetc(answers_)) != EOF && c != '\n';) line += static_cast<char>(c);
  return line;
}

}  // namespace tmpq
