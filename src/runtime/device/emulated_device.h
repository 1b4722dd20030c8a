// The device that every machine has: kernels run on emulated threads, strictly checked and counted.
#pragma once

#include <map>

#include "kernels/emulation/launch.h"
#include "src/runtime/device/device.h"

namespace tmpq {

struct EmulatedDeviceOptions {
  uint64_t seed = 0;                 // of the order of threads and blocks
  int64_t memory_bytes = 0;          // limit; 0: none
  int64_t shared_bytes = 99 * 1024;  // of a block at most: the least of the supported devices
  bool multiplies_nibbles = true;    // as sm_80 to sm_89
};

// A broken kernel throws emulation::Finding.
class EmulatedDevice : public Device {
 public:
  explicit EmulatedDevice(EmulatedDeviceOptions options = {});
  ~EmulatedDevice() override;

  const std::string& name() const override { return name_; }
  bool multiplies_nibbles() const override { return options_.multiplies_nibbles; }
  void* Allocate(int64_t bytes) override;
  void Free(void* memory) override { memory_.Free(memory); }
  void CopyIn(void* to, const void* from, int64_t bytes) override;
  void CopyOut(void* to, const void* from, int64_t bytes) override;
  void Synchronize() override {}
  void LaunchRaw(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                 const void* params) override;
  void BeginCapture() override;
  std::unique_ptr<DeviceGraph> EndCapture() override;
  void Replay(const DeviceGraph& graph) override;

  // By kernel, over all launches so far.
  const std::map<std::string, emulation::Counters>& counters() const { return counters_; }
  int64_t launches() const { return launches_; }
  // To and from the host.
  int64_t copies() const { return copies_; }

 private:
  struct Recorded;
  void RunKernel(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                 const void* params);

  std::string name_ = "emulated";
  EmulatedDeviceOptions options_;
  emulation::GlobalMemory memory_;
  std::map<std::string, emulation::Counters> counters_;
  int64_t launches_ = 0, copies_ = 0;
  std::unique_ptr<Recorded> recording_;
};

}  // namespace tmpq
