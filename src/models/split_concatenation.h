// The split of U-Net shortcuts (Q-Diffusion, Li et al. 2023): where a convolution or linear reads a
// concatenation, its two ranges of channels are so different that one scale serves neither. The
// layer becomes the sum of two, each with weights, activations and quantization sites of its own.
#pragma once

#include "src/models/model_file.h"

namespace tmpq {

// Ends the name of a split variant.
inline constexpr const char* kSplitEnding = "-split";

// `model` with every quantized layer split that reads a concatenation of two tensors, directly or
// through normalizations and activations, which keep channels apart. Layer "x" becomes "x.first"
// and "x.second"; the float output is the same but for the order of a sum. The variant is called
// "<name>-split", its hash is of the model's; a model without such layers comes back as it is.
ModelFile SplitConcatenations(const ModelFile& model);

}  // namespace tmpq
