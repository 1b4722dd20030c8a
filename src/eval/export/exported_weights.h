// The weights of a plan for other programs: integers as they are, and the floats that they stand
// for. docs/formats.md names the tensors.
#pragma once

#include <string>
#include <vector>

#include "src/core/tensor_file.h"
#include "src/quant/weight_quantizer.h"
#include "src/runtime/plan_file.h"

namespace tmpq {

// One layer's weights at one bit-width, of one set where balancing differs by timestep range.
struct ExportedWeights {
  int site = -1;            // of the weights
  int bits = 0;             // 32: float
  int range = -1;           // of timesteps; -1: all
  std::string set;          // "<layer>", or "<layer>.s<range>"
  std::string weight_name;  // tensor of floats
  std::string codes_name;   // tensors `.codes`, `.scale` and `.offset` begin so; empty: float
};

// What the steps of a plan use, in site order, then by range, then by bit-width. A layer that has
// one of these has the tensor `<layer>.weight`; several are `<set>.w<bits>.weight`.
std::vector<ExportedWeights> WeightsInUse(const PlanFile& plan);

// Of integer weights: q (N, K), scales and zero points as the kernels read them.
QuantizedWeights UnpackWeights(const PlanFile& plan, const ExportedWeights& weights);

// Dequantized weights, (q + offset) scale, of the model's shapes, and all other float parameters.
TensorFileWriter FloatTensors(const PlanFile& plan, const std::vector<ExportedWeights>& in_use);

// Integers with their scales and zero points, and everything else that the layers store: vectors
// of transforms, float branches, static activations.
TensorFileWriter CodeTensors(const PlanFile& plan, const std::vector<ExportedWeights>& in_use);

}  // namespace tmpq
