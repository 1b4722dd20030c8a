#include "src/core/version.h"

namespace tmpq {

const char* Version() { return TMPQ_VERSION; }
const char* GitRevision() { return TMPQ_GIT_REVISION; }

}  // namespace tmpq
