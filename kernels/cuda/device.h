// The thin device layer that every CUDA kernel is written over: nvcc maps it to instructions
// (device_cuda.h), g++ to an emulated, strict device (kernels/emulation, docs/cuda.md).
//
// A kernel is a struct of device code:
//
//   struct Kernel {
//     using Params = ...;                       // plain data; pointers are to global memory
//     static constexpr int kThreads = 128;      // of a block, a multiple of 32
//     static constexpr const char* kName = "...";
//     TMPQ_DEVICE static void Run(const Params& params);
//   };
//
// Functions, all in tmpq::gpu:
//   int ThreadIndex(), Lane(), Warp(), BlockX(), BlockY(), BlockZ()
//   void SyncThreads()                          every thread of the block, at one place
//   void SyncWarp()                             all 32 lanes; orders their shared memory accesses
//   T LoadShared<T>(offset), void StoreShared<T>(offset, value)
//                                               offset: bytes into the block's shared memory
//   T LoadGlobal(const T*), void StoreGlobal(T*, T)
//   T LoadGlobalIf(bool, const T*, T otherwise), void StoreGlobalIf(bool, T*, T)
//   void CopyAsync16(offset, const void*, bool valid)
//                                               cp.async of 16 bytes; zeros where not valid
//   void CommitCopies(), WaitCopies<N>()        at most N groups of the thread's stay under way
//   Words4 LoadMatrices4(offset)                ldmatrix.x4: lane l gives row l % 8 of matrix l / 8
//   void MmaS8S8(int32_t c[4], Words4 a, Words2 b), MmaU8S8(...)
//                                               mma.sync m16n8k32, c += a b
//   void MmaS4S4(int32_t c[4], Words4 a, Words2 b)
//                                               mma.sync m16n8k64 of nibbles, the first of a byte
//                                               in its low bits; sm_80 to sm_89 have it alone
//   T ShuffleXor(T, int mask), T ShuffleFrom(T, int lane), bool AnyLane(bool)
// T has 1, 2, 4, 8 or 16 bytes and is aligned to its size. Every function but the first line's that
// names lanes is a warp collective: all 32 lanes call it together.
#pragma once

#include <stdint.h>

namespace tmpq::gpu {

struct alignas(8) Words2 {
  uint32_t v[2];
};
struct alignas(16) Words4 {
  uint32_t v[4];
};
struct alignas(8) Floats2 {
  float v[2];
};

}  // namespace tmpq::gpu

#if defined(__CUDACC__)
#define TMPQ_DEVICE __device__ __forceinline__
#define TMPQ_UNROLL _Pragma("unroll")
#include "kernels/cuda/device_cuda.h"
#else
#define TMPQ_DEVICE inline
#define TMPQ_UNROLL
#include "kernels/emulation/device_emulated.h"
#endif
