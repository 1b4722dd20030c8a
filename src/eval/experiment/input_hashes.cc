#include "src/eval/experiment/input_hashes.h"

#include "src/core/file.h"
#include "src/core/hash.h"
#include "src/eval/models/any_model.h"

namespace tmpq {
namespace {

namespace fs = std::filesystem;

std::string OfFile(const fs::path& path) { return HashBytes(MappedFile(path).bytes()).Hex(); }

std::string OfFolder(const fs::path& folder) {
  std::map<std::string, std::string> files;  // in an order of their own
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[fs::relative(entry.path(), folder).generic_string()] = OfFile(entry.path());
  }
  std::string text;
  for (const auto& [name, hash] : files) text += name + " " + hash + "\n";
  return HashString(text).Hex();
}

}  // namespace

std::string InputHashes::OfModel(const std::string& name, const fs::path& bundled) {
  const std::lock_guard lock(mutex_);
  std::string& hash = models_[name];
  if (hash.empty()) hash = LoadAnyModel(name, bundled).hash.Hex();
  return hash;
}

std::string InputHashes::OfPath(const std::string& path) {
  const std::lock_guard lock(mutex_);
  std::string& hash = paths_[path];
  if (!hash.empty()) return hash;
  if (fs::is_regular_file(path)) return hash = OfFile(path);
  return fs::is_directory(path) ? hash = OfFolder(path) : hash;
}

}  // namespace tmpq
