#include "src/data/ranked_pair.h"

#include <algorithm>

#include "src/core/error.h"

namespace tmpq {
namespace {

// Of full strength.
constexpr double kNoiseDeviation = 0.6, kBlockDeviation = 0.5, kGhostShare = 0.6, kFadeShare = 0.8,
                 kStillShare = 1;
constexpr int kBlurPasses = 4;
constexpr int64_t kPatch = 2;  // pixels of a patch's side, as the bundled transformers have
constexpr double kLeastDifference = 0.2;

struct Geometry {
  int64_t frames, height, width, channels;
  explicit Geometry(std::span<const int64_t> shape)
      : frames(shape.size() > 3 ? shape[0] : 1),
        height(shape[shape.size() - 3]),
        width(shape[shape.size() - 2]),
        channels(shape[shape.size() - 1]) {}
  int64_t frame() const { return height * width * channels; }
};

std::vector<float> Normal(RandomStream& random, size_t count) {
  std::vector<float> values(count);
  FillNormal(random.NextU64(), RandomPurpose::kTrainingData, 0, values);
  return values;
}

void AddNoise(double strength, RandomStream& random, std::span<float> sample) {
  const std::vector<float> noise = Normal(random, sample.size());
  for (size_t i = 0; i < sample.size(); ++i) {
    sample[i] += static_cast<float>(strength * kNoiseDeviation) * noise[i];
  }
}

// A pass mixes each pixel with the mean of its four neighbours (itself at the border).
void Blur(double strength, const Geometry& g, std::span<float> sample) {
  std::vector<float> before(sample.size());
  for (int pass = 0; pass < kBlurPasses; ++pass) {
    before.assign(sample.begin(), sample.end());
    for (int64_t f = 0; f < g.frames; ++f) {
      const auto at = [&](int64_t y, int64_t x, int64_t c) {
        y = std::clamp<int64_t>(y, 0, g.height - 1), x = std::clamp<int64_t>(x, 0, g.width - 1);
        return before[f * g.frame() + (y * g.width + x) * g.channels + c];
      };
      float* out = sample.data() + f * g.frame();
      for (int64_t y = 0; y < g.height; ++y) {
        for (int64_t x = 0; x < g.width; ++x) {
          for (int64_t c = 0; c < g.channels; ++c, ++out) {
            const float mean =
                (at(y - 1, x, c) + at(y + 1, x, c) + at(y, x - 1, c) + at(y, x + 1, c)) / 4;
            *out += static_cast<float>(strength) * (mean - *out);
          }
        }
      }
    }
  }
}

void ShiftBlocks(double strength, const Geometry& g, RandomStream& random,
                 std::span<float> sample) {
  const std::vector<float> shifts = Normal(random, sample.size());  // of a block: its corner's
  for (int64_t f = 0; f < g.frames; ++f) {
    for (int64_t y = 0; y < g.height; ++y) {
      for (int64_t x = 0; x < g.width; ++x) {
        const auto offset = [&](int64_t row, int64_t column) {
          return f * g.frame() + (row * g.width + column) * g.channels;
        };
        const int64_t corner = offset(y / kPatch * kPatch, x / kPatch * kPatch);
        for (int64_t c = 0; c < g.channels; ++c) {
          sample[offset(y, x) + c] +=
              static_cast<float>(strength * kBlockDeviation) * shifts[corner + c];
        }
      }
    }
  }
}

void MixWith(double share, std::span<const float> other, std::span<float> sample) {
  for (size_t i = 0; i < sample.size(); ++i) {
    sample[i] += static_cast<float>(share) * (other[i] - sample[i]);
  }
}

void Fade(double strength, std::span<float> sample) {
  double sum = 0;
  for (float value : sample) sum += value;
  const std::vector<float> mean(sample.size(),
                                static_cast<float>(sum / static_cast<double>(sample.size())));
  MixWith(strength * kFadeShare, mean, sample);
}

void HoldStill(double strength, const Geometry& g, std::span<float> sample) {
  const std::vector<float> first(sample.begin(), sample.begin() + g.frame());
  for (int64_t f = 1; f < g.frames; ++f) {
    MixWith(strength * kStillShare, first, sample.subspan(f * g.frame(), g.frame()));
  }
}

// The same values but for one attribute.
AttributeValues WithOneOther(const CaptionedWorld& world, AttributeValues values,
                             RandomStream& random) {
  const size_t attribute = random.Below(values.size());
  const auto words = static_cast<int>(world.attributes()[attribute].words.size());
  const auto step = static_cast<int>(1 + random.Below(static_cast<uint64_t>(words - 1)));
  values[attribute] = (values[attribute] + step) % words;
  return values;
}

}  // namespace

const char* NameOf(Flaw flaw) {
  switch (flaw) {
    case Flaw::kCaption:
      return "caption";
    case Flaw::kNoise:
      return "noise";
    case Flaw::kBlur:
      return "blur";
    case Flaw::kBlocks:
      return "blocks";
    case Flaw::kGhost:
      return "ghost";
    case Flaw::kFade:
      return "fade";
    case Flaw::kStill:
      return "still";
  }
  TMPQ_CHECK(false, "unknown flaw");
}

std::vector<Flaw> FlawsOf(std::span<const int64_t> shape) {
  std::vector<Flaw> flaws = {Flaw::kCaption, Flaw::kNoise, Flaw::kBlur,
                             Flaw::kBlocks,  Flaw::kGhost, Flaw::kFade};
  if (shape.size() > 3) flaws.push_back(Flaw::kStill);
  return flaws;
}

void AddFlaw(Flaw flaw, double strength, std::span<const int64_t> shape,
             std::span<const float> ghost, RandomStream& random, std::span<float> sample) {
  const Geometry geometry(shape);
  switch (flaw) {
    case Flaw::kCaption:
      TMPQ_CHECK(false, "a caption's flaw is no change of pixels");
    case Flaw::kNoise:
      AddNoise(strength, random, sample);
      break;
    case Flaw::kBlur:
      Blur(strength, geometry, sample);
      break;
    case Flaw::kBlocks:
      ShiftBlocks(strength, geometry, random, sample);
      break;
    case Flaw::kGhost:
      MixWith(strength * kGhostShare, ghost, sample);
      break;
    case Flaw::kFade:
      Fade(strength, sample);
      break;
    case Flaw::kStill:
      HoldStill(strength, geometry, sample);
      break;
  }
  for (float& value : sample) value = std::clamp(value, -1.0f, 1.0f);
}

RankedPair DrawRankedPair(const CaptionedWorld& world, RandomStream& random,
                          std::span<float> better, std::span<float> worse) {
  const auto any = [&] {
    return world.ValuesOf(static_cast<int64_t>(random.Below(static_cast<uint64_t>(world.count()))));
  };
  const AttributeValues values = any();
  const std::vector<Flaw> flaws = FlawsOf(world.shape());
  RankedPair pair;
  pair.caption = world.Caption(values);
  const bool of_caption = random.Chance(0.5);  // it has about as many attributes as others exist
  pair.flaw = of_caption ? Flaw::kCaption : flaws[1 + random.Below(flaws.size() - 1)];
  world.Draw(values, random, better);
  if (of_caption) {
    world.Draw(WithOneOther(world, values, random), random, worse);
    return pair;
  }
  if (random.Chance(0.5)) {
    std::copy(better.begin(), better.end(), worse.begin());
  } else {
    world.Draw(values, random, worse);
  }
  std::vector<float> ghost(better.size());
  world.Draw(any(), random, ghost);
  const double strength = kLeastDifference + (1 - kLeastDifference) * random.Uniform();
  AddFlaw(pair.flaw, strength, world.shape(), ghost, random, worse);
  if (random.Chance(0.5)) {
    AddFlaw(pair.flaw, (strength - kLeastDifference) * random.Uniform(), world.shape(), ghost,
            random, better);
  }
  return pair;
}

}  // namespace tmpq
