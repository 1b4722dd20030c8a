// A finished proxy study as files.
#pragma once

#include <filesystem>
#include <string>

#include "src/eval/study/proxy_study.h"

namespace tmpq {

// Names within the study's folder.
inline constexpr const char* kStudyJsonName = "study.json";
inline constexpr const char* kStudyFileName = "study.h5";

// Raised when a reader of the old schema would misread a file.
inline constexpr int64_t kStudySchemaVersion = 1;

// study.json and study.h5, whole or not at all. Throws kIo.
void WriteStudy(const ProxyStudy& study, const std::filesystem::path& folder);

}  // namespace tmpq
