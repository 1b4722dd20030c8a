// The autoencoder of latent diffusion (Rombach et al., arXiv 2112.10752) as two graphs, and the
// folders of diffusers' class AutoencoderKL.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "src/graph/graph.h"
#include "src/graph/parameters.h"
#include "src/models/diffusers.h"

namespace tmpq {

// Nodes carry the module names of AutoencoderKL.
struct AutoencoderConfig {
  int64_t image_height = 32;  // of the image, in pixels: multiples of factor()
  int64_t image_width = 32;
  int64_t channels = 3;         // of the image that is read
  int64_t output_channels = 3;  // of the image that is made
  int64_t latent_channels = 4;
  std::vector<int> block_channels = {64};  // by level, finest first
  int64_t layers_per_block = 1;            // residual blocks a level; the decoder has one more
  int64_t norm_groups = 32;
  bool mid_attention = true;
  bool encoder_projection = true;  // quant_conv, 1x1 after the encoder
  bool decoder_projection = true;  // post_quant_conv, 1x1 before the decoder

  // Pixels a latent, on each side.
  int64_t factor() const { return int64_t{1} << (block_channels.size() - 1); }
};

// "sample", an image (H, W, channels) -> (H/f, W/f, 2 latent_channels): the mean of the latent,
// then the log of its variance, which users clamp to -30..20. Throws kInput for sizes that do not
// fit.
Graph BuildEncoder(const AutoencoderConfig& config);
// "sample", a latent (H/f, W/f, latent_channels) -> image (H, W, output_channels).
Graph BuildDecoder(const AutoencoderConfig& config);

struct Autoencoder {
  Graph encoder, decoder;
  ParameterSet encoder_parameters, decoder_parameters;
  // A denoiser's sample is (latent - shift_factor) scaling_factor.
  double scaling_factor = 1;
  double shift_factor = 0;
};

// Pixels a latent, on each side, of the autoencoder in `folder`.
int64_t AutoencoderFactor(const std::filesystem::path& folder);

// `folder`: config.json beside diffusion_pytorch_model.safetensors. options.height and width are
// the image's, in pixels. Throws as LoadDiffusers does.
Autoencoder LoadAutoencoder(const std::filesystem::path& folder,
                            const DiffusersOptions& options = {});

}  // namespace tmpq
