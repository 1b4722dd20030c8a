// kernels/cuda/device.h for nvcc: one instruction a function. Included by it only.
#pragma once

#include <stdint.h>

namespace tmpq::gpu {

extern __shared__ __align__(128) uint8_t tmpq_shared_memory[];

TMPQ_DEVICE int ThreadIndex() { return static_cast<int>(threadIdx.x); }
TMPQ_DEVICE int Lane() { return static_cast<int>(threadIdx.x) & 31; }
TMPQ_DEVICE int Warp() { return static_cast<int>(threadIdx.x) >> 5; }
TMPQ_DEVICE int BlockX() { return static_cast<int>(blockIdx.x); }
TMPQ_DEVICE int BlockY() { return static_cast<int>(blockIdx.y); }
TMPQ_DEVICE int BlockZ() { return static_cast<int>(blockIdx.z); }

TMPQ_DEVICE void SyncThreads() { __syncthreads(); }
TMPQ_DEVICE void SyncWarp() { __syncwarp(); }

template <typename T>
TMPQ_DEVICE T LoadShared(uint32_t offset) {
  return *reinterpret_cast<const T*>(tmpq_shared_memory + offset);
}
template <typename T>
TMPQ_DEVICE void StoreShared(uint32_t offset, T value) {
  *reinterpret_cast<T*>(tmpq_shared_memory + offset) = value;
}
TMPQ_DEVICE uint32_t SharedAddress(uint32_t offset) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(tmpq_shared_memory)) + offset;
}

template <typename T>
TMPQ_DEVICE T LoadGlobal(const T* address) {
  return *address;
}
template <typename T>
TMPQ_DEVICE void StoreGlobal(T* address, T value) {
  *address = value;
}
template <typename T>
TMPQ_DEVICE T LoadGlobalIf(bool valid, const T* address, T otherwise) {
  return valid ? *address : otherwise;
}
template <typename T>
TMPQ_DEVICE void StoreGlobalIf(bool valid, T* address, T value) {
  if (valid) *address = value;
}

TMPQ_DEVICE void CopyAsync16(uint32_t offset, const void* global, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(SharedAddress(offset)),
               "l"(global), "r"(valid ? 16 : 0)
               : "memory");
}
TMPQ_DEVICE void CommitCopies() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
template <int kUnderWay>
TMPQ_DEVICE void WaitCopies() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(kUnderWay) : "memory");
}

TMPQ_DEVICE Words4 LoadMatrices4(uint32_t offset) {
  Words4 r;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(r.v[0]), "=r"(r.v[1]), "=r"(r.v[2]), "=r"(r.v[3])
               : "r"(SharedAddress(offset))
               : "memory");
  return r;
}

TMPQ_DEVICE void MmaS8S8(int32_t c[4], const Words4& a, const Words2& b) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};\n"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b.v[0]), "r"(b.v[1]));
}
TMPQ_DEVICE void MmaU8S8(int32_t c[4], const Words4& a, const Words2& b) {
  asm volatile(
      "mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};\n"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b.v[0]), "r"(b.v[1]));
}
TMPQ_DEVICE void MmaS4S4(int32_t c[4], const Words4& a, const Words2& b) {
#if __CUDA_ARCH__ < 900
  asm volatile(
      "mma.sync.aligned.m16n8k64.row.col.s32.s4.s4.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};\n"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a.v[0]), "r"(a.v[1]), "r"(a.v[2]), "r"(a.v[3]), "r"(b.v[0]), "r"(b.v[1]));
#else
  __trap();  // Device::multiplies_nibbles() is false there
#endif
}

template <typename T>
TMPQ_DEVICE T ShuffleXor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <typename T>
TMPQ_DEVICE T ShuffleFrom(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
TMPQ_DEVICE bool AnyLane(bool value) { return __any_sync(0xffffffffu, value) != 0; }

}  // namespace tmpq::gpu
