// The emulated device finds every mistake that it is strict about, each in a kernel broken on
// purpose, and nothing in the same kernel made right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cuda/device.h"
#include "kernels/emulation/launch.h"

namespace tmpq::gpu {
namespace {

using emulation::Finding;
using emulation::FindingKind;

struct Buffers {
  int32_t* in;
  int32_t* out;
  int mistake;  // 0: none
};

constexpr int kThreads = 64, kWords = 64;

// Runs `body` as a kernel on 64 words in and out, for the schedules of some seeds.
template <typename Body>
void RunBody(int mistake, Body body, emulation::Counters* counters = nullptr) {
  for (const uint64_t seed : {0, 1, 2, 7}) {
    emulation::GlobalMemory memory;
    Buffers buffers{static_cast<int32_t*>(memory.Allocate(4 * kWords)),
                    static_cast<int32_t*>(memory.Allocate(4 * kWords)), mistake};
    for (int i = 0; i < kWords; ++i) buffers.in[i] = i;
    memory.Find(buffers.in, 4 * kWords)->MarkWritten(buffers.in, 4 * kWords);
    const auto counted = emulation::Launch("broken", {2, 1, 1}, kThreads, 1024, &memory, {seed},
                                           [&] { body(buffers); });
    if (counters != nullptr) *counters = counted;
  }
}

template <typename Body>
void ExpectFinding(FindingKind kind, const std::string& words, Body body) {
  ASSERT_NO_THROW(RunBody(0, body));
  try {
    RunBody(1, body);
    FAIL() << "nothing found; expected: " << words;
  } catch (const Finding& finding) {
    EXPECT_EQ(finding.kind(), kind) << finding.what();
    EXPECT_THAT(finding.what(), testing::HasSubstr(words));
    EXPECT_THAT(finding.what(), testing::HasSubstr("kernel broken, block ("));
    EXPECT_THAT(finding.what(), testing::ContainsRegex("thread [0-9]+ "));
    EXPECT_THAT(finding.what(), testing::HasSubstr("strict_device_test.cc:"));
  }
}

TEST(StrictDeviceTest, GlobalReadsPastTheEnd) {
  ExpectFinding(FindingKind::kOutOfBounds, "byte 256 of an allocation of 256 bytes",
                [](const Buffers& b) { LoadGlobal(b.in + ThreadIndex() + b.mistake); });
}

TEST(StrictDeviceTest, GlobalWritesBeforeTheBeginning) {
  ExpectFinding(FindingKind::kOutOfBounds, "4 bytes before an allocation",
                [](const Buffers& b) { StoreGlobal(b.out + ThreadIndex() - b.mistake, 1); });
}

TEST(StrictDeviceTest, MisalignedGlobalVector) {
  ExpectFinding(FindingKind::kMisaligned, "reads 16 bytes of global memory", [](const Buffers& b) {
    LoadGlobal(reinterpret_cast<const Words4*>(b.in + b.mistake));
  });
}

TEST(StrictDeviceTest, GlobalMemoryThatNothingWrote) {
  ExpectFinding(FindingKind::kUninitialized, "which nothing wrote",
                [](const Buffers& b) { LoadGlobal(b.mistake ? b.out : b.in); });
}

TEST(StrictDeviceTest, SharedOutOfBounds) {
  ExpectFinding(FindingKind::kOutOfBounds, "shared memory at 1024, of which the block has 1024",
                [](const Buffers& b) {
                  const uint32_t at = 768 + 4 * (ThreadIndex() + b.mistake);
                  StoreShared<int32_t>(at, 1);
                });
}

TEST(StrictDeviceTest, MisalignedShared) {
  ExpectFinding(FindingKind::kMisaligned, "writes 8 bytes of shared memory at 4",
                [](const Buffers& b) {
                  const uint32_t at = 8 * ThreadIndex() + 4 * b.mistake;
                  StoreShared<Words2>(at, {});
                });
}

TEST(StrictDeviceTest, UninitialisedShared) {
  ExpectFinding(FindingKind::kUninitialized, "which no thread wrote", [](const Buffers& b) {
    if (ThreadIndex() < 63 || !b.mistake) StoreShared<int32_t>(4 * ThreadIndex(), 1);
    SyncThreads();
    LoadShared<int32_t>(4 * (63 - ThreadIndex()));
  });
}

TEST(StrictDeviceTest, RaceOfReadAfterWrite) {
  ExpectFinding(FindingKind::kRace, "without a barrier between", [](const Buffers& b) {
    StoreShared<int32_t>(4 * ThreadIndex(), 1);
    if (!b.mistake) SyncThreads();
    LoadShared<int32_t>(b.mistake && ThreadIndex() != 0 ? 0 : 4 * ThreadIndex());
  });
}

TEST(StrictDeviceTest, RaceOfWriteAfterRead) {
  ExpectFinding(FindingKind::kRace, "without a barrier between", [](const Buffers& b) {
    StoreShared<int32_t>(4 * ThreadIndex(), 1);
    SyncThreads();
    LoadShared<int32_t>(4 * (63 - ThreadIndex()));
    if (!b.mistake) SyncThreads();
    StoreShared<int32_t>(4 * ThreadIndex(), 2);
  });
}

TEST(StrictDeviceTest, RaceOfTwoWrites) {
  ExpectFinding(FindingKind::kRace, "wrote without a barrier between", [](const Buffers& b) {
    StoreShared<int32_t>(b.mistake ? 0 : 4 * ThreadIndex(), 1);
  });
}

TEST(StrictDeviceTest, RaceOfTwoBytesOfAWord) {
  ExpectFinding(FindingKind::kRace, "writes 1 bytes", [](const Buffers& b) {
    StoreShared<int8_t>((b.mistake ? 1 : 4) * ThreadIndex(), 1);
  });
}

// A shuffle makes lanes meet, but does not order their memory accesses.
TEST(StrictDeviceTest, RaceWithinAWarp) {
  ExpectFinding(FindingKind::kRace, "without a barrier between", [](const Buffers& b) {
    StoreShared<int32_t>(4 * ThreadIndex(), 1);
    if (b.mistake)
      ShuffleXor(1, 1);
    else
      SyncWarp();
    LoadShared<int32_t>(4 * (ThreadIndex() ^ 1));
  });
}

TEST(StrictDeviceTest, WarpBarrierDoesNotOrderWarps) {
  ExpectFinding(FindingKind::kRace, "without a barrier between", [](const Buffers& b) {
    StoreShared<int32_t>(4 * ThreadIndex(), 0);
    SyncThreads();
    StoreShared<int32_t>(4 * ThreadIndex(), 1);
    if (b.mistake)
      SyncWarp();
    else
      SyncThreads();
    LoadShared<int32_t>(4 * (ThreadIndex() ^ 32));
  });
}

TEST(StrictDeviceTest, BarrierThatSomeThreadsNeverReach) {
  ExpectFinding(FindingKind::kDivergentBarrier, "threads never reach", [](const Buffers& b) {
    if (!b.mistake || ThreadIndex() < 32) SyncThreads();
  });
}

TEST(StrictDeviceTest, BarriersAtTwoPlaces) {
  ExpectFinding(FindingKind::kDivergentBarrier, "waits at another", [](const Buffers& b) {
    if (b.mistake && ThreadIndex() < 32)
      SyncThreads();
    else
      SyncThreads();
  });
}

TEST(StrictDeviceTest, CollectiveWithMissingLanes) {
  ExpectFinding(FindingKind::kMissingLanes, "of 32 lanes reach", [](const Buffers& b) {
    if (!b.mistake || Lane() < 31) ShuffleXor(1, 1);
  });
}

TEST(StrictDeviceTest, LanesAtDifferentCollectives) {
  ExpectFinding(FindingKind::kMissingLanes, "other lanes of its warp wait at another",
                [](const Buffers& b) {
                  if (b.mistake && Lane() == 5)
                    SyncWarp();
                  else
                    AnyLane(true);
                  if (b.mistake) SyncWarp();
                });
}

TEST(StrictDeviceTest, CopyReadBeforeItsWait) {
  ExpectFinding(FindingKind::kPendingCopy, "an asynchronous copy was not waited for",
                [](const Buffers& b) {
                  const bool copies = ThreadIndex() < 16;
                  if (copies) CopyAsync16(16 * ThreadIndex(), b.in + 4 * ThreadIndex(), true);
                  CommitCopies();
                  if (b.mistake)
                    WaitCopies<1>();
                  else
                    WaitCopies<0>();
                  SyncThreads();
                  LoadShared<int32_t>(4 * ThreadIndex());
                });
}

// The wait makes a copy visible to the thread that issued it, the barrier to all.
TEST(StrictDeviceTest, CopyReadByOthersWithoutBarrier) {
  ExpectFinding(FindingKind::kRace, "without a barrier between", [](const Buffers& b) {
    if (ThreadIndex() < 16) CopyAsync16(16 * ThreadIndex(), b.in + 4 * ThreadIndex(), true);
    CommitCopies();
    WaitCopies<0>();
    if (!b.mistake) SyncThreads();
    LoadShared<int32_t>(ThreadIndex() < 16 && b.mistake ? 16 * ThreadIndex() : 4 * ThreadIndex());
  });
}

// Found on whichever side comes second in the schedule.
TEST(StrictDeviceTest, CopyOverWhatOthersStillRead) {
  const auto body = [](const Buffers& b) {
    StoreShared<int32_t>(4 * ThreadIndex(), 1);
    SyncThreads();
    LoadShared<int32_t>(4 * ThreadIndex());
    if (!b.mistake) SyncThreads();
    if (ThreadIndex() < 16) CopyAsync16(16 * ThreadIndex(), b.in, true);
    CommitCopies();
    WaitCopies<0>();
  };
  ASSERT_NO_THROW(RunBody(0, body));
  EXPECT_THROW(RunBody(1, body), Finding);
}

TEST(StrictDeviceTest, BlocksAreWholeWarps) {
  emulation::GlobalMemory memory;
  EXPECT_THROW(emulation::Launch("odd", {}, 33, 0, &memory, {}, [] {}), Finding);
}

emulation::Counters Count(void (*body)(const Buffers&)) {
  emulation::Counters counters;
  RunBody(0, body, &counters);
  return counters;
}

// Two blocks of two warps.
TEST(CountersTest, BankConflicts) {
  EXPECT_EQ(Count([](const Buffers&) { StoreShared(4 * ThreadIndex(), 1); }).bank_conflicts, 0);
  EXPECT_EQ(Count([](const Buffers&) { StoreShared(8 * ThreadIndex(), 1); }).bank_conflicts, 4);
  EXPECT_EQ(Count([](const Buffers&) { StoreShared(16 * ThreadIndex(), 1); }).bank_conflicts, 12);
  EXPECT_EQ(
      Count([](const Buffers&) { StoreShared<Words4>(16 * ThreadIndex(), {}); }).bank_conflicts, 0);
  // Lane l at 16-byte rows 8 apart: all eight of a phase meet in four banks.
  const auto counters = Count([](const Buffers&) {
    StoreShared<Words4>(16 * ThreadIndex(), {});
    SyncThreads();
    LoadMatrices4(128 * (Lane() % 8));
  });
  EXPECT_EQ(counters.bank_conflicts, 4 * 4 * 7);
  EXPECT_EQ(counters.barriers, 2);
}

TEST(CountersTest, SectorsOfGlobalMemory) {
  const auto rows = Count([](const Buffers& b) { LoadGlobal(b.in + ThreadIndex()); });
  EXPECT_EQ(rows.global_requests, 4);
  EXPECT_EQ(rows.global_sectors, 16);
  EXPECT_EQ(rows.sector_use(), 1.0);
  const auto strided =
      Count([](const Buffers& b) { LoadGlobalIf(Lane() < 8, b.in + 8 * Lane(), 0); });
  EXPECT_EQ(strided.global_sectors, 32);
  EXPECT_EQ(strided.sector_use(), 0.125);
  EXPECT_EQ(strided.bytes_read, 4 * 32);
}

// Lanes that diverged are put together again by line.
TEST(CountersTest, DivergedLanesReconverge) {
  const auto counters = Count([](const Buffers& b) {
    if (Lane() % 2 == 0) LoadGlobal(b.in);
    LoadGlobal(b.in + ThreadIndex());
  });
  EXPECT_EQ(counters.global_requests, 8);
  EXPECT_EQ(counters.global_sectors, 4 + 16);
}

}  // namespace
}  // namespace tmpq::gpu
