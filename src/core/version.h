// What this build is; goes into provenance and --version.
#pragma once

namespace tmpq {

const char* Version();      // "0.1.0"
const char* GitRevision();  // 12 hexadecimal digits, or "unknown"

}  // namespace tmpq
