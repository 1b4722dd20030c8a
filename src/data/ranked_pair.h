// Pairs of samples of which one is the better for its caption, by construction: what a reward model
// is trained on where ImageReward (Xu et al., arXiv 2304.05977) asks people.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "src/core/random.h"
#include "src/data/captioned_world.h"

namespace tmpq {

// Ways in which a sample falls short.
enum class Flaw {
  kCaption,  // one attribute is not the caption's
  kNoise,    // white noise
  kBlur,     // pixels are mixed with their neighbours
  kBlocks,   // patches of a transformer are shifted in level, each by itself
  kGhost,    // another sample of the world shines through
  kFade,     // contrast is lost
  kStill,    // of clips: frames are drawn to the first one
};

// "caption", "noise", ..
const char* NameOf(Flaw flaw);

// Those that samples of this shape ([frames,] height, width, channels) can have.
std::vector<Flaw> FlawsOf(std::span<const int64_t> shape);

// Worsens `sample`, in [-1, 1] before and after, by a flaw other than kCaption; strength in (0, 1],
// at 0 nothing changes. `ghost`: the other sample, of the same size.
void AddFlaw(Flaw flaw, double strength, std::span<const int64_t> shape,
             std::span<const float> ghost, RandomStream& random, std::span<float> sample);

struct RankedPair {
  std::string caption;         // of both
  Flaw flaw = Flaw::kCaption;  // that the other one has more of
};

// Draws a caption, a kind of flaw, and two samples (world.elements() each) into `better` and
// `worse`. Half of the pairs are of kCaption: two drawings. Of the others, half are one drawing
// twice, as the samples of one noise by two models are alike, and half two of one caption; their
// flaw is in the worse one alone, or in both at strengths that differ by a fifth at least.
RankedPair DrawRankedPair(const CaptionedWorld& world, RandomStream& random,
                          std::span<float> better, std::span<float> worse);

}  // namespace tmpq
