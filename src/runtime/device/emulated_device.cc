#include "src/runtime/device/emulated_device.h"

#include <cstring>

#include "src/core/error.h"

namespace tmpq {

struct EmulatedDevice::Recorded : DeviceGraph {
  struct Launch {
    const gpu::KernelInfo* kernel;
    LaunchGrid grid;
    int64_t shared_bytes;
    std::vector<uint64_t> params;
  };
  std::vector<Launch> launches;
};

EmulatedDevice::EmulatedDevice(EmulatedDeviceOptions options)
    : options_(options), memory_(options.memory_bytes) {}
EmulatedDevice::~EmulatedDevice() = default;

void* EmulatedDevice::Allocate(int64_t bytes) {
  void* memory = memory_.Allocate(bytes);
  if (memory == nullptr) {
    throw Error(ErrorCode::kIo, "device " + name_,
                "has no memory for " + std::to_string(bytes) + " bytes more; " +
                    std::to_string(memory_.bytes_in_use()) + " of " +
                    std::to_string(options_.memory_bytes) + " are in use",
                "a smaller batch");
  }
  return memory;
}

void EmulatedDevice::CopyIn(void* to, const void* from, int64_t bytes) {
  TMPQ_CHECK(recording_ == nullptr, "a copy while launches are recorded");
  if (bytes == 0) return;
  ++copies_;
  emulation::Allocation* allocation = memory_.Find(to, bytes);
  TMPQ_CHECK(allocation != nullptr, "copies past the end of device memory");
  std::memcpy(to, from, bytes);
  allocation->MarkWritten(to, bytes);
}

void EmulatedDevice::CopyOut(void* to, const void* from, int64_t bytes) {
  TMPQ_CHECK(recording_ == nullptr, "a copy while launches are recorded");
  if (bytes == 0) return;
  ++copies_;
  const emulation::Allocation* allocation = memory_.Find(from, bytes);
  TMPQ_CHECK(allocation != nullptr, "copies past the end of device memory");
  TMPQ_CHECK(allocation->Written(from, bytes), "copies device memory that nothing wrote");
  std::memcpy(to, from, bytes);
}

void EmulatedDevice::LaunchRaw(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                               const void* params) {
  TMPQ_CHECK(shared_bytes <= options_.shared_bytes,
             std::string("kernel ") + kernel.name + " needs more shared memory than devices have");
  if (recording_ == nullptr) return RunKernel(kernel, grid, shared_bytes, params);
  std::vector<uint64_t> copy((kernel.params_bytes + 7) / 8);
  std::memcpy(copy.data(), params, kernel.params_bytes);
  recording_->launches.push_back({&kernel, grid, shared_bytes, std::move(copy)});
}

void EmulatedDevice::RunKernel(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                               const void* params) {
  const emulation::Grid size = {static_cast<int>(grid.x), static_cast<int>(grid.y),
                                static_cast<int>(grid.z)};
  counters_[kernel.name].Add(emulation::Launch(kernel.name, size, kernel.threads,
                                               static_cast<int>(shared_bytes), &memory_,
                                               {options_.seed}, [&] { kernel.emulate(params); }));
  ++launches_;
}

void EmulatedDevice::BeginCapture() { recording_ = std::make_unique<Recorded>(); }

std::unique_ptr<DeviceGraph> EmulatedDevice::EndCapture() { return std::move(recording_); }

void EmulatedDevice::Replay(const DeviceGraph& graph) {
  for (const auto& launch : static_cast<const Recorded&>(graph).launches)
    RunKernel(*launch.kernel, launch.grid, launch.shared_bytes, launch.params.data());
}

}  // namespace tmpq
