// The CUDA device, where nvcc compiled the kernels (cmake/TmpqCuda.cmake); elsewhere one clear
// line.
#include "src/core/error.h"
#include "src/runtime/device/device.h"

#if defined(TMPQ_HAS_CUDA)
#include <cuda_runtime_api.h>
#endif

namespace tmpq {

#if defined(TMPQ_HAS_CUDA)

namespace {

// Throws what the runtime says of a failed call.
void Check(cudaError_t status, const std::string& what) {
  if (status == cudaSuccess) return;
  throw Error(status == cudaErrorMemoryAllocation ? ErrorCode::kIo : ErrorCode::kUnsupported,
              "device cuda", what + ": " + cudaGetErrorString(status),
              status == cudaErrorMemoryAllocation ? "a smaller batch" : "");
}

const void* EntryOf(const gpu::KernelInfo& kernel) {
  switch (kernel.group) {
    case gpu::KernelGroup::kGemm:
      return gpu::CudaEntries<gpu::KernelGroup::kGemm>()[kernel.index];
    case gpu::KernelGroup::kAttention:
      return gpu::CudaEntries<gpu::KernelGroup::kAttention>()[kernel.index];
    case gpu::KernelGroup::kOther:
      break;
  }
  return gpu::CudaEntries<gpu::KernelGroup::kOther>()[kernel.index];
}

class CudaGraph : public DeviceGraph {
 public:
  explicit CudaGraph(cudaGraphExec_t graph) : graph_(graph) {}
  ~CudaGraph() override { cudaGraphExecDestroy(graph_); }
  cudaGraphExec_t get() const { return graph_; }

 private:
  cudaGraphExec_t graph_;
};

class CudaDevice : public Device {
 public:
  CudaDevice() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
      throw Error(ErrorCode::kUnsupported, "device cuda",
                  std::string("this machine has no usable NVIDIA GPU: ") +
                      (status == cudaSuccess ? "none found" : cudaGetErrorString(status)),
                  "a machine with a GPU and its driver, or another --backend");
    }
    cudaDeviceProp properties;
    Check(cudaGetDeviceProperties(&properties, 0), "asking for its properties");
    name_ = properties.name, multiplies_nibbles_ = properties.major == 8;
    cudaFuncAttributes attributes;
    const gpu::KernelInfo first = {"", 0, 0, nullptr, gpu::KernelGroup::kOther, 0};
    if (cudaFuncGetAttributes(&attributes, EntryOf(first)) != cudaSuccess) {
      throw Error(ErrorCode::kUnsupported, "device " + name_,
                  "has compute capability " + std::to_string(properties.major) + "." +
                      std::to_string(properties.minor) + ", which no kernel was compiled for",
                  "a build with it in TMPQ_CUDA_ARCHITECTURES");
    }
    Check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "creating a stream");
  }
  ~CudaDevice() override { cudaStreamDestroy(stream_); }

  const std::string& name() const override { return name_; }
  bool multiplies_nibbles() const override { return multiplies_nibbles_; }
  void* Allocate(int64_t bytes) override {
    void* memory = nullptr;
    Check(cudaMalloc(&memory, static_cast<size_t>(bytes > 0 ? bytes : 1)),
          "allocating " + std::to_string(bytes) + " bytes");
    return memory;
  }
  void Free(void* memory) override { cudaFree(memory); }
  void CopyIn(void* to, const void* from, int64_t bytes) override {
    Check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_),
          "copying to the device");
    Synchronize();  // `from` may change afterwards
  }
  void CopyOut(void* to, const void* from, int64_t bytes) override {
    Check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_),
          "copying from the device");
    Synchronize();
  }
  void Synchronize() override { Check(cudaStreamSynchronize(stream_), "waiting for it"); }

  void LaunchRaw(const gpu::KernelInfo& kernel, LaunchGrid grid, int64_t shared_bytes,
                 const void* params) override {
    constexpr int64_t kSharedByDefault = 48 * 1024;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
    const void* entry = EntryOf(kernel);
    if (shared_bytes > kSharedByDefault) {
      Check(cudaFuncSetAttribute(entry, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(shared_bytes)),
            std::string("shared memory of kernel ") + kernel.name);
    }
    void* arguments[] = {const_cast<void*>(params)};
    const dim3 blocks(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y),
                      static_cast<unsigned>(grid.z));
    Check(cudaLaunchKernel(entry, blocks, dim3(static_cast<unsigned>(kernel.threads)), arguments,
                           static_cast<size_t>(shared_bytes), stream_),
          std::string("launching kernel ") + kernel.name);
  }

  void BeginCapture() override {
    Check(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "capturing");
  }
  std::unique_ptr<DeviceGraph> EndCapture() override {
    cudaGraph_t graph = nullptr;
    Check(cudaStreamEndCapture(stream_, &graph), "capturing");
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    Check(status, "preparing a graph of launches");
    return std::make_unique<CudaGraph>(executable);
  }
  void Replay(const DeviceGraph& graph) override {
    Check(cudaGraphLaunch(static_cast<const CudaGraph&>(graph).get(), stream_), "replaying");
  }

 private:
  std::string name_;
  bool multiplies_nibbles_ = false;
  cudaStream_t stream_ = nullptr;
};

}  // namespace

std::unique_ptr<Device> OpenCudaDevice() { return std::make_unique<CudaDevice>(); }

#else

std::unique_ptr<Device> OpenCudaDevice() {
  throw Error(ErrorCode::kUnsupported, "device cuda", "this build has no CUDA kernels",
              "a build with nvcc (scripts/setup.sh brings it) and -DTMPQ_CUDA=ON");
}

#endif

}  // namespace tmpq
