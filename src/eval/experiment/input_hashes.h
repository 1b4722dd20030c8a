// What the models, networks and files that cells name hold, as digits that differ where they do.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace tmpq {

// Each is read once, however many cells name it: a checkpoint has gigabytes. Const-safe.
class InputHashes {
 public:
  // Of a model's weights and config. Throws as LoadAnyModel.
  std::string OfModel(const std::string& name, const std::filesystem::path& bundled);
  // Of a file's bytes, or of all files below a folder and their names; empty for what is neither,
  // as a bundled network's name.
  std::string OfPath(const std::string& path);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> models_, paths_;
};

}  // namespace tmpq
