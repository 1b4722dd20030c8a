#include "bench/roofline_bench.h"

#include <cstdio>
#include <cstring>
#include <span>

#include "bench/temporary_folder.h"
#include "kernels/cuda/instances.h"
#include "src/graph/graph_builder.h"
#include "src/runtime/device/device_network.h"
#include "src/runtime/device/emulated_device.h"
#include "src/runtime/device/gemm_tiling.h"
#include "src/runtime/device/roofline.h"
#include "src/supernet/supernet.h"

namespace tmpq {
namespace {

struct BitsOfLinear {
  const char* name;
  int weights, activations;
};
constexpr BitsOfLinear kBits[] = {{"W8A8", 8, 8}, {"W4A8", 4, 8}, {"W4A4", 4, 4}};

// One linear layer as a network, with its weights packed.
struct LinearNetwork {
  LinearCase values;
  Graph graph;
  ParameterSet parameters;
  TemporaryFolder folder;
  std::unique_ptr<Supernet> supernet;
  std::unique_ptr<RuntimeNetwork> network;

  LinearNetwork(const LinearShape& shape, Progress& silent)
      : values(shape), graph(MakeGraph(shape)) {
    parameters.Set("linear.weight", {values.w.begin(), values.w.end()});
    parameters.Set("linear.bias", {values.bias.begin(), values.bias.end()});
    const std::vector<BitWidth> widths = {BitWidth::Of(4), BitWidth::Of(8)};
    const auto path = folder.path() / "supernet.safetensors";
    Supernet::Build(graph, parameters, Hash128{}, widths, path, silent);
    supernet = std::make_unique<Supernet>(path, graph, Hash128{}, widths);
    network = std::make_unique<RuntimeNetwork>(graph, parameters, kernels::BestKernels());
  }

  static Graph MakeGraph(const LinearShape& shape) {
    GraphBuilder b("linear");
    return b.Finish(
        b.Linear("linear", b.Input("x", {shape.m, shape.k}), shape.n, LayerGroup::kFeedForward));
  }
};

using CountsByKernel = std::map<std::string, emulation::Counters>;

// Of one call on the emulated device, whose bytes are the CPU's.
CountsByKernel CountsOf(const LinearNetwork& linear, const BitsOfLinear& bits, bool nibbles) {
  const RuntimeNetwork& network = *linear.network;
  const ActivePolicy policy = network.Activate(
      {BitWidth::Of(bits.weights), BitWidth::Of(bits.activations)}, &linear.supernet->weights());
  const NetworkInputs inputs = {1, {{"x", linear.values.x.data()}}, {}};
  std::vector<float> expected(ElementsOf(linear.graph.output_shape())), out(expected.size());
  Workspace workspace = network.MakeWorkspace(1);
  network.Run(policy, inputs, expected.data(), workspace);
  EmulatedDevice device({.multiplies_nibbles = nibbles});
  DeviceNetwork(network, device, 1).Run(policy, inputs, out.data());
  TMPQ_CHECK(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)) == 0,
             "the emulated device differs");
  return device.counters();
}

// Operands and results, each once: of the rows' quantization, of the product, or of what adds the
// parts of a product that was split.
int64_t BytesOf(const LinearShape& shape, const BitsOfLinear& bits, bool nibbles,
                const std::string& kernel) {
  const int64_t rows = 4 * shape.m * shape.k;
  const int64_t codes = shape.m * shape.k / (nibbles ? 2 : 1) + 4 * shape.m;
  const int64_t outputs = 4 * shape.m * shape.n, scales = 8 * shape.n;
  const auto kind = nibbles ? gpu::GemmKind::kNibbles : gpu::GemmKind::kRows;
  const int64_t splits = TilingOf(kind, shape.m, shape.n, shape.k).splits;
  if (kernel == gpu::FinishSplitKernel::kName) return (splits + 1) * outputs + scales + 4 * shape.m;
  if (kernel != gpu::GemmSmall<8>::kName) return rows + codes;
  return codes + shape.n * shape.k * bits.weights / 8 + splits * outputs +
         (splits == 1 ? scales : 0);
}

Json PredictLinear(const LinearNetwork& linear, const BitsOfLinear& bits) {
  const LinearShape& shape = linear.values.shape;
  Json result = {{"m", shape.m},
                 {"k", shape.k},
                 {"n", shape.n},
                 {"bits", bits.name},
                 {"launches", Json::array()},
                 {"gpus", Json::object()}};
  std::map<std::string, double> seconds;
  const bool narrow = bits.weights <= 4 && bits.activations <= 4;
  for (const bool nibbles : narrow ? std::vector{false, true} : std::vector{false}) {
    for (const auto& [kernel, counters] : CountsOf(linear, bits, nibbles)) {
      Json launch = {{"kernel", kernel},
                     {"nibbles", nibbles},
                     {"mma", counters.mma},
                     {"shared_wavefronts", counters.shared_wavefronts},
                     {"bank_conflicts", counters.bank_conflicts},
                     {"sectors", counters.global_sectors},
                     {"sector_use", counters.sector_use()}};
      for (const GpuModel& gpu : GpuModels()) {
        if ((narrow && gpu.nibbles) != nibbles) continue;
        const Roofline roofline = Predict(gpu, counters, BytesOf(shape, bits, nibbles, kernel));
        seconds[gpu.name] += roofline.seconds();
        launch["bound"][gpu.name] = roofline.bound();
      }
      result["launches"].push_back(launch);
    }
  }
  for (const GpuModel& gpu : GpuModels()) {
    const double at_peak = shape.operations() / 2 / gpu.mma_per_second;
    result["gpus"][gpu.name] = {{"predicted_microseconds", 1e6 * seconds[gpu.name]},
                                {"share_of_peak", at_peak / seconds[gpu.name]}};
  }
  return result;
}

}  // namespace

Json PredictKernels(const KernelBenchSettings& settings, Progress& progress) {
  const std::vector<LinearShape> shapes = ShapesOf(settings);
  Json result = {{"format", "tmpq-bench-roofline-2"}, {"predictions", Json::array()}};
  for (const GpuModel& gpu : GpuModels()) {
    result["gpus"][gpu.name] = {{"processors", gpu.processors},
                                {"clock_hz", gpu.clock},
                                {"mma_per_second", gpu.mma_per_second},
                                {"nibbles", gpu.nibbles},
                                {"bytes_per_second", gpu.bytes_per_second}};
  }
  progress.Begin("emulating", static_cast<int64_t>(shapes.size() * std::size(kBits)), "layers");
  Progress silent;
  int64_t done = 0;
  for (const LinearShape& shape : shapes) {
    const LinearNetwork linear(shape, silent);
    for (const BitsOfLinear& bits : kBits) {
      result["predictions"].push_back(PredictLinear(linear, bits));
      progress.Update(++done);
    }
  }
  progress.End();
  return result;
}

std::string RooflineText(const Json& result) {
  char text[160];
  std::string all =
      "Predicted least microseconds of a linear layer, quantization included, and the share of the "
      "tensor cores' int8 peak.\nNo GPU was measured. Of each launch the largest of: multiply-adds "
      "/ peak (of nibbles, where the GPU multiplies them, twice int8's), shared wavefronts / (SMs x "
      "clock), bytes once / bandwidth.\n";
  std::snprintf(text, sizeof(text), "%-18s %-5s", "M x K x N", "");
  all += text;
  for (const auto& [gpu, model] : result["gpus"].items()) {
    std::snprintf(text, sizeof(text), " %18s", gpu.c_str());
    all += text;
  }
  for (const Json& of : result["predictions"]) {
    const std::string shape = std::to_string(of["m"].get<int64_t>()) + " x " +
                              std::to_string(of["k"].get<int64_t>()) + " x " +
                              std::to_string(of["n"].get<int64_t>());
    std::snprintf(text, sizeof(text), "\n%-18s %-5s", shape.c_str(),
                  of["bits"].get<std::string>().c_str());
    all += text;
    for (const auto& [gpu, prediction] : of["gpus"].items()) {
      std::snprintf(text, sizeof(text), " %10.2f (%3.0f %%)",
                    prediction["predicted_microseconds"].get<double>(),
                    100 * prediction["share_of_peak"].get<double>());
      all += text;
    }
  }
  return all + "\n";
}

}  // namespace tmpq
