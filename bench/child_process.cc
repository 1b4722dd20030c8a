#include "bench/child_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "src/core/error.h"

namespace tmpq {
namespace {

// {"result": ..} or {"error": .., "code": ..}
std::string AnswerOf(const std::function<Json()>& work) {
  Json answer;
  try {
    answer["result"] = work();
  } catch (const Error& error) {
    answer = {{"error", error.what()}, {"code", static_cast<int>(error.code())}};
  } catch (const std::exception& error) {  // such as no memory
    answer = {{"error", error.what()}, {"code", static_cast<int>(ErrorCode::kIo)}};
  }
  return answer.dump();
}

[[noreturn]] void Answer(int pipe, const std::function<Json()>& work) {
  const std::string text = AnswerOf(work);
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = write(pipe, text.data() + done, text.size() - done);
    if (written <= 0) _exit(EXIT_FAILURE);
    done += static_cast<size_t>(written);
  }
  std::fflush(nullptr);
  _exit(EXIT_SUCCESS);  // what the parent registered to be done at exit is the parent's
}

std::string ReadAll(int pipe) {
  std::string text;
  char part[4096];
  for (ssize_t count; (count = read(pipe, part, sizeof(part))) > 0;) text.append(part, count);
  return text;
}

}  // namespace

Json RunInChild(const std::string& what, const std::function<Json()>& work) {
  int ends[2];
  if (pipe(ends) != 0) throw Error(ErrorCode::kIo, what, "no pipe can be made");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    Answer(ends[1], work);
  }
  close(ends[1]);
  const std::string text = ReadAll(ends[0]);
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    throw Error(ErrorCode::kIo, what, "no process can be started for it");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
    const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    throw Error(ErrorCode::kIo, what, "its process ended by signal " + std::to_string(signal),
                signal == SIGKILL ? "more memory, or fewer samples" : "");
  }
  const Json answer = ParseJson(text, what);
  if (answer.contains("error")) {
    throw Error(static_cast<ErrorCode>(answer["code"].get<int>()), what,
                answer["error"].get<std::string>());
  }
  return answer["result"];
}

ResidentMemory ReadResidentMemory() {
  constexpr int64_t kUnit = 1024;
  ResidentMemory memory;
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    const auto value = [&] { return kUnit * std::atoll(line.c_str() + line.find(':') + 1); };
    if (line.rfind("VmRSS:", 0) == 0) memory.now = value();
    if (line.rfind("VmHWM:", 0) == 0) memory.peak = value();
  }
  if (memory.now > 0 && memory.peak > 0) return memory;
  throw Error(ErrorCode::kIo, "/proc/self/status", "does not say how much memory is resident");
}

}  // namespace tmpq
