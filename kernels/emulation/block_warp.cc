// Warp collectives: what the last lane does for all 32. Fragment layouts are those of the PTX
// manual for mma.m16n8k32 with 8-bit integers.
#include <cstring>

#include "kernels/emulation/block.h"

namespace tmpq::emulation {
namespace {

struct MatricesSlot {
  uint32_t offset;
  uint32_t* out;
  Site site;
};
struct MmaSlot {
  int32_t* c;
  const uint32_t *a, *b;
};
struct ShuffleSlot {
  uint32_t word, result;
  int from;
};
struct VoteSlot {
  bool value, result;
};

constexpr int kM = 16, kN = 8, kK = 32;  // bytes of K, of two values each where these are nibbles

// The values of a row's bytes.
void Widen(bool is_signed, bool nibbles, const uint8_t bytes[kK], int16_t values[2 * kK]) {
  for (int k = 0; k < kK; ++k) {
    if (nibbles) {
      values[2 * k] = static_cast<int8_t>(bytes[k] << 4) >> 4;
      values[2 * k + 1] = static_cast<int8_t>(bytes[k]) >> 4;
    } else {
      values[k] = is_signed ? static_cast<int8_t>(bytes[k]) : static_cast<int16_t>(bytes[k]);
    }
  }
}

void MultiplyTiles(Collective kind, void* const* slots) {
  const bool nibbles = kind == Collective::kMmaS4S4, a_signed = kind != Collective::kMmaU8S8;
  const int inputs = nibbles ? 2 * kK : kK;
  uint8_t a_bytes[kM][kK], b_bytes[kN][kK];
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto& slot = *static_cast<const MmaSlot*>(slots[lane]);
    const int group = lane / 4, column = lane % 4 * 4;
    for (int i = 0; i < 4; ++i)
      std::memcpy(&a_bytes[group + i % 2 * 8][column + i / 2 * 16], &slot.a[i], 4);
    for (int i = 0; i < 2; ++i) std::memcpy(&b_bytes[group][column + i * 16], &slot.b[i], 4);
  }
  int16_t a[kM][2 * kK], b[kN][2 * kK];
  for (int row = 0; row < kM; ++row) Widen(a_signed, nibbles, a_bytes[row], a[row]);
  for (int column = 0; column < kN; ++column) Widen(true, nibbles, b_bytes[column], b[column]);
  for (int lane = 0; lane < kLanes; ++lane) {
    const auto& slot = *static_cast<const MmaSlot*>(slots[lane]);
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      int32_t sum = 0;
      for (int k = 0; k < inputs; ++k) sum += a[row][k] * b[column][k];
      slot.c[i] = static_cast<int32_t>(static_cast<uint32_t>(slot.c[i]) + sum);
    }
  }
}

}  // namespace

void Block::WarpBarrier(Site site) { Meet(Collective::kBarrier, nullptr, site); }

void Block::LoadMatrices4(uint32_t offset, uint32_t out[4], Site site) {
  MatricesSlot slot{offset, out, site};
  Meet(Collective::kMatrices, &slot, site);
}

void Block::Mma(Collective kind, int32_t c[4], const uint32_t a[4], const uint32_t b[2],
                Site site) {
  MmaSlot slot{c, a, b};
  Meet(kind, &slot, site);
}

uint32_t Block::Shuffle(uint32_t word, int from_lane, Site site) {
  ShuffleSlot slot{word, 0, from_lane};
  Meet(Collective::kShuffle, &slot, site);
  return slot.result;
}

bool Block::AnyLane(bool value, Site site) {
  VoteSlot slot{value, false};
  Meet(Collective::kVote, &slot, site);
  return slot.result;
}

// Lane l names row l % 8 of matrix l / 8, and gets word l % 4 of row l / 4 of all four.
void Block::ActMatrices(WarpState& warp, int warp_index) {
  constexpr int kRowBytes = 16;
  for (int matrix = 0; matrix < 4; ++matrix) {
    uint64_t words[kLanes];
    for (int row = 0; row < 8; ++row) {
      const int from = matrix * 8 + row;
      const auto& source = *static_cast<const MatricesSlot*>(warp.slots[from]);
      const Thread& reader = threads_[warp_index * kLanes + from];
      CheckShared(reader, source.offset, kRowBytes, "reads", source.site);
      NoteRead(reader, source.offset, kRowBytes, source.site);
      for (int i = 0; i < 4; ++i) {
        const auto& target = *static_cast<const MatricesSlot*>(warp.slots[row * 4 + i]);
        std::memcpy(&target.out[matrix], shared_ + source.offset + 4 * i, 4);
        words[row * 4 + i] = source.offset / 4 + i;
      }
    }
    const int64_t conflicts = BankConflicts(words, kLanes);
    counters_->bank_conflicts += conflicts;
    counters_->shared_wavefronts += 1 + conflicts;
  }
  ++counters_->shared_requests;
}

void Block::Act(WarpState& warp, int warp_index) {
  switch (warp.kind) {
    case Collective::kMmaS8S8:
    case Collective::kMmaU8S8:
    case Collective::kMmaS4S4:
      ++counters_->mma;
      MultiplyTiles(warp.kind, warp.slots);
      return;
    case Collective::kMatrices:
      ActMatrices(warp, warp_index);
      break;
    case Collective::kShuffle:
      for (void* slot : warp.slots) {
        auto& to = *static_cast<ShuffleSlot*>(slot);
        to.result = static_cast<const ShuffleSlot*>(warp.slots[to.from])->word;
      }
      break;
    case Collective::kVote: {
      bool any = false;
      for (void* slot : warp.slots) any = any || static_cast<VoteSlot*>(slot)->value;
      for (void* slot : warp.slots) static_cast<VoteSlot*>(slot)->result = any;
      break;
    }
    case Collective::kBarrier:
      ++warp.epoch;
      break;
    case Collective::kNone:
      break;
  }
  ++counters_->collectives;
}

}  // namespace tmpq::emulation
