// preprocessor_config.json of a Hugging Face folder: what its network was trained to see.
#pragma once

#include <filesystem>

#include "src/metrics/preprocessing.h"

namespace tmpq {

// For a network that takes samples of `shape`. Means and deviations, size and filter have to stand
// in the file. Pictures are rounded to bytes and resized as bytes, as transformers
// does. Throws kIo
// where the file is missing, kInput, and kUnsupported naming what it asks for that is not done.
Preprocessing ReadImageProcessor(const std::filesystem::path& folder, const Shape& shape);

}  // namespace tmpq
