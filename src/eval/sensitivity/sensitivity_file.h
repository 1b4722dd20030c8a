// A sensitivity table as sensitivity.h5 and sensitivity.csv (docs/formats.md).
#pragma once

#include <filesystem>
#include <string>

#include "src/eval/sensitivity/sensitivity_table.h"

namespace tmpq {

// The bytes of either file; the same table gives the same bytes.
std::string SerializeSensitivity(const SensitivityTable& table);
// One row a site, bit-width and range; two columns a metric.
std::string SensitivityCsv(const SensitivityTable& table);

// Throws kIo when the file cannot be read, kInput when it is no sensitivity table: another schema,
// missing or short datasets, rows of no site, a row twice, numbers that are not finite. Of sites it
// holds what names them (name, layer, kind, group, elements).
SensitivityTable ReadSensitivity(const std::filesystem::path& path);

}  // namespace tmpq
