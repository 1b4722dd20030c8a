// The seam between the executor and what runs its kernels: a CUDA device, or the emulated one that
// every machine has (kernels/emulation). Work is done in the order of the calls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/kernel_info.h"

namespace tmpq {

struct LaunchGrid {
  int64_t x = 1, y = 1, z = 1;
};

// Blocks of `tile` that cover `size`.
inline int64_t BlocksOf(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

// A sequence of launches that is repeated as a whole (a CUDA graph).
class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
};

// Not thread-safe.
class Device {
 public:
  virtual ~Device() = default;
  virtual const std::string& name() const = 0;
  // Whether it multiplies two nibbles a byte (MmaS4S4), twice as fast as bytes.
  virtual bool multiplies_nibbles() const = 0;

  // At least 256-byte aligned. Throws kIo when the device's memory is used up.
  virtual void* Allocate(int64_t bytes) = 0;
  virtual void Free(void* memory) = 0;
  virtual void CopyIn(void* to, const void* from, int64_t bytes) = 0;
  // Waits for all earlier work.
  virtual void CopyOut(void* to, const void* from, int64_t bytes) = 0;
  virtual void Synchronize() = 0;
  // `params` is copied. A grid without blocks is no work.
  virtual void LaunchRaw(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                         const void* params) = 0;

  // Launches between the two are recorded and not run; copies are not allowed there.
  virtual void BeginCapture() = 0;
  virtual std::unique_ptr<DeviceGraph> EndCapture() = 0;
  virtual void Replay(const DeviceGraph& graph) = 0;

  template <typename Kernel>
  void Launch(LaunchGrid grid, int64_t shared_bytes, const typename Kernel::Params& params) {
    LaunchRaw(gpu::InfoOf<Kernel>(), grid, shared_bytes, &params);
  }
};

// Memory of a device. The device outlives it.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(Device& device, int64_t count)
      : device_(&device),
        data_(static_cast<T*>(device.Allocate(count * static_cast<int64_t>(sizeof(T))))),
        count_(count) {}
  DeviceArray(DeviceArray&& other) noexcept { *this = std::move(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(device_, other.device_), std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }
  ~DeviceArray() {
    if (device_ != nullptr) device_->Free(data_);
  }

  T* data() const { return data_; }
  int64_t count() const { return count_; }

 private:
  Device* device_ = nullptr;
  T* data_ = nullptr;
  int64_t count_ = 0;
};

// The CUDA device of this machine. Throws kUnsupported where this build has no CUDA, the machine no
// driver or device, or the device an architecture that no kernel was compiled for.
std::unique_ptr<Device> OpenCudaDevice();

}  // namespace tmpq
