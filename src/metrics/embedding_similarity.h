// Cosines of embeddings: of images with their texts, and of a clip's frames with each other. The
// embeddings are given as arrays; name a result by the network that made them (CLIPScore, CLIPSIM
// and CLIP-temp only for CLIP's).
//
// Each function returns one value a sample or clip: estimate with EstimateMean, two candidates on
// the same noise with EstimatePairedDifference.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tmpq {

// Cosine of row i of `a` and row i of `b`, both (n, dimension); 0 where a vector is 0.
std::vector<double> CosineSimilarities(std::span<const float> a, std::span<const float> b,
                                       int64_t dimension);

// CLIPScore's form of a cosine, 2.5 max(cosine, 0) (Hessel et al. 2021). Others print 100 cosine.
double ClipScoreOfCosine(double cosine);

// Frames' embeddings (clips, frames, dimension) against one text a clip (clips, dimension): mean
// cosine over frames ("CLIPSIM", Wu et al. 2021).
std::vector<double> FrameTextSimilarities(std::span<const float> frames,
                                          std::span<const float> texts, int64_t frame_count,
                                          int64_t dimension);

// Mean cosine of successive frames ("CLIP-temp", Esser et al. 2023). At least two frames.
std::vector<double> SuccessiveFrameSimilarities(std::span<const float> frames, int64_t frame_count,
                                                int64_t dimension);

// Mean over frames from the second on of (cosine to the first frame + cosine to the previous one)
// / 2: VBench's subject consistency (DINO features) and background consistency (CLIP's), without
// its cut of negative cosines at 0 (Huang et al. 2023). At least two frames.
std::vector<double> FrameConsistencies(std::span<const float> frames, int64_t frame_count,
                                       int64_t dimension);

}  // namespace tmpq
