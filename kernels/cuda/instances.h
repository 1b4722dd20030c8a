// Every instantiation that programs launch.
#pragma once

#include "kernels/cuda/attention.h"
#include "kernels/cuda/attention_inputs.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/float_products.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/gemm_split.h"
#include "kernels/cuda/images.h"
#include "kernels/cuda/kernel_info.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/sampling.h"

namespace tmpq::gpu {

template <typename... Kernels>
struct KernelList {};

// Products: large ones, middle ones, small ones, and few rows (as adaLN has).
template <int kBits>
using GemmLarge = GemmKernel<128, 128, 2, 2, kBits, 4>;
template <int kBits>
using GemmMiddle = GemmKernel<128, 64, 2, 2, kBits, 4>;
template <int kBits>
using GemmSmall = GemmKernel<64, 64, 2, 2, kBits, 4>;
template <int kBits>
using GemmFlat = GemmKernel<16, 64, 1, 2, kBits, 4>;
template <int kBits>
using GemmGroups = GemmKernel<64, 64, 2, 2, kBits, 4, GemmKind::kGroups>;
template <int kBits>
using GemmWindows = GemmKernel<64, 64, 2, 2, kBits, 4, GemmKind::kWindows>;

using GemmNibblesLarge = GemmKernel<128, 128, 2, 2, 8, 4, GemmKind::kNibbles>;
using GemmNibblesMiddle = GemmKernel<128, 64, 2, 2, 8, 4, GemmKind::kNibbles>;
using GemmNibblesSmall = GemmKernel<64, 64, 2, 2, 8, 4, GemmKind::kNibbles>;
using GemmNibblesFlat = GemmKernel<16, 64, 1, 2, 8, 4, GemmKind::kNibbles>;
using GemmNibblesWindows = GemmKernel<64, 64, 2, 2, 8, 4, GemmKind::kNibbleWindows>;

using GemmList =
    KernelList<GemmNibblesLarge, GemmNibblesMiddle, GemmNibblesSmall, GemmNibblesFlat,
               GemmNibblesWindows, GemmLarge<2>, GemmLarge<3>, GemmLarge<4>, GemmLarge<5>,
               GemmLarge<6>, GemmLarge<7>, GemmLarge<8>, GemmMiddle<2>, GemmMiddle<3>,
               GemmMiddle<4>, GemmMiddle<5>, GemmMiddle<6>, GemmMiddle<7>, GemmMiddle<8>,
               GemmSmall<2>, GemmSmall<3>, GemmSmall<4>, GemmSmall<5>, GemmSmall<6>, GemmSmall<7>,
               GemmSmall<8>, GemmFlat<2>, GemmFlat<3>, GemmFlat<4>, GemmFlat<5>, GemmFlat<6>,
               GemmFlat<7>, GemmFlat<8>, GemmGroups<2>, GemmGroups<3>, GemmGroups<4>, GemmGroups<5>,
               GemmGroups<6>, GemmGroups<7>, GemmGroups<8>, GemmWindows<2>, GemmWindows<3>,
               GemmWindows<4>, GemmWindows<5>, GemmWindows<6>, GemmWindows<7>, GemmWindows<8>>;

using AttentionList =
    KernelList<AttentionKernel<32, false>, AttentionKernel<64, false>, AttentionKernel<96, false>,
               AttentionKernel<128, false>, AttentionKernel<32, true>, AttentionKernel<64, true>,
               AttentionKernel<96, true>, AttentionKernel<128, true>, QuantizeHeadsKernel,
               QuantizeValuesKernel>;

using OtherList =
    KernelList<RowsKernel<4>, RowsKernel<1>, ElementwiseKernel, CopyKernel, SelectKernel,
               ReplaceRowsKernel, TimestepKernel, MeanRowsKernel, RotaryKernel, ImageScalesKernel,
               QuantizeImagesKernel, WindowsKernel<int8_t>, WindowsKernel<float>, WindowSumsKernel,
               GroupNormKernel, PoolKernel, LinearF32Kernel, DequantizeKernel, AttentionF32Kernel,
               FinishSplitKernel, SolverStepKernel>;

}  // namespace tmpq::gpu
