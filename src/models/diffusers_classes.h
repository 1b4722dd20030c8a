// Private to the readers of diffusers' folders: every class that is read, from its config.
#pragma once

#include "src/models/component_config.h"
#include "src/models/diffusers.h"

namespace tmpq {

// Square samples have one number in a config, others two; `options` has the last word.
void SetImageSize(const ComponentConfig& config, const DiffusersOptions& options, int64_t fallback,
                  int64_t& height, int64_t& width);

// Refuses a config whose `value`, made of `key`, is no multiple of `factor`.
void ExpectMultiple(const ComponentConfig& config, const char* key, int64_t value, int64_t factor);

// The class's network and where its parameters are found. They throw kInput for values of the wrong
// kind, and kUnsupported naming the key and what is supported.
BuiltNetwork BuildUnet2d(const ComponentConfig& config, const DiffusersOptions& options);
BuiltNetwork BuildUnet2dCondition(const ComponentConfig& config, const DiffusersOptions& options);
BuiltNetwork BuildDitTransformer(const ComponentConfig& config, const DiffusersOptions& options);
BuiltNetwork BuildPixartTransformer(const ComponentConfig& config, const DiffusersOptions& options);
BuiltNetwork BuildLatteTransformer(const ComponentConfig& config, const DiffusersOptions& options);
BuiltNetwork BuildHunyuanTransformer(const ComponentConfig& config,
                                     const DiffusersOptions& options);
// OpenSORA 1.0; diffusers has no such class, so the config holds the class's own arguments.
BuiltNetwork BuildOpenSoraStdit(const ComponentConfig& config, const DiffusersOptions& options);
// The class of early checkpoints was several networks; its norm says which.
BuiltNetwork BuildTransformer2d(const ComponentConfig& config, const DiffusersOptions& options);

}  // namespace tmpq
