// What transformers' files say of a BERT.
#pragma once

#include <cstdint>
#include <string>

#include "src/models/bert.h"
#include "src/models/component_config.h"

namespace tmpq {

// For texts of `tokens` tokens; 0: as many as it has positions. Throws kInput, and kUnsupported
// naming what the config asks for that BuildBert lacks.
BertConfig ReadBertConfig(const ComponentConfig& config, int64_t tokens);

// The graph's parameter "<table>.weight" is the first `rows` rows of the checkpoint's tensor of
// that name, whose width is `width`. Throws kInput where it is no such table.
void TakeFirstRows(const Checkpoint& checkpoint, const std::string& table, int64_t rows,
                   int64_t width, ParameterSource& source);

}  // namespace tmpq
