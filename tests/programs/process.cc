#include "tests/programs/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "src/core/file.h"

namespace tmpq {
namespace {

constexpr std::chrono::milliseconds kPoll{5};

int LinesIn(const std::filesystem::path& path) {
  std::ifstream file(path);
  return static_cast<int>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

[[noreturn]] void Become(const std::string& path, const std::vector<std::string>& arguments,
                         const ProcessOptions& options, const std::string& out,
                         const std::string& err) {
  dup2(open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
  if (options.max_file_bytes > 0) {
    const rlimit limit{options.max_file_bytes, options.max_file_bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);  // writes then fail, as they do on a full disk
  }
  std::vector<char*> argv = {const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(path.c_str(), argv.data());
  _exit(127);
}

}  // namespace

ProcessResult RunProcess(const std::string& program, const std::vector<std::string>& arguments,
                         const ProcessOptions& options) {
  const std::string base =
      std::filesystem::temp_directory_path() / ("tmpq-process-" + std::to_string(getpid()));
  const std::string path = std::filesystem::path(TMPQ_BIN_DIR) / program;
  const pid_t child = fork();
  if (child == 0) Become(path, arguments, options, base + ".out", base + ".err");
  int status = 0;
  const int lines = std::max(options.kill_lines, options.interrupt_lines);
  bool sent = lines == 0;
  while (waitpid(child, &status, sent ? 0 : WNOHANG) == 0) {
    if (LinesIn(options.kill_when) >= lines) {
      kill(child, options.kill_lines > 0 ? SIGKILL : SIGINT);
      sent = true;
    }
    std::this_thread::sleep_for(kPoll);
  }
  ProcessResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  result.out = ReadFile(base + ".out");
  result.err = ReadFile(base + ".err");
  std::filesystem::remove(base + ".out");
  std::filesystem::remove(base + ".err");
  return result;
}

std::vector<std::string> FilesIn(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  if (!std::filesystem::exists(folder)) return names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      names.push_back(std::filesystem::relative(entry.path(), folder).string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace tmpq
