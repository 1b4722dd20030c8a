#include "bench/kernel_bench.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "bench/linear_contest.h"
#include "bench/onednn_matmul.h"
#include "bench/peak.h"
#include "src/core/config.h"
#include "src/eval/models/any_model.h"
#ifdef TMPQ_WITH_TORCH
#include "bench/torch_linear.h"
#endif

namespace tmpq {
namespace {

constexpr int64_t kMostOfShape = 65536;

const std::vector<LinearShape>& TableShapes() {
  static const std::vector<LinearShape> shapes = {
      {64, 192, 192},    {256, 192, 192},    {64, 384, 768},  {256, 384, 1536},
      {256, 1152, 1152}, {1024, 1152, 1152}, {8, 4096, 4096}, {16, 4096, 4096}};
  return shapes;
}

std::vector<LinearShape> ModelShapes(const KernelBenchSettings& settings) {
  std::set<LinearShape> shapes;
  for (const char* name : {"fashion-dit", "fashion-unet", "scenes-pixart", "sprites-stdit"}) {
    const ModelFile model = LoadAnyModel(name, settings.bundled);
    for (const Node& node : model.graph.nodes()) {
      if (node.kind != OpKind::kLinear || node.first_site < 0) continue;
      const Shape& weight = node.parameters.at("weight");
      shapes.insert({settings.batch * ElementsOf(node.shape) / weight[0], weight[1], weight[0]});
    }
  }
  return {shapes.begin(), shapes.end()};
}

// "MxKxN,MxKxN"
std::vector<LinearShape> ParseShapes(const std::string& text) {
  std::vector<LinearShape> shapes;
  std::istringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    LinearShape shape;
    int used = 0;
    const bool read =
        std::sscanf(item.c_str(), "%ldx%ldx%ld%n", &shape.m, &shape.k, &shape.n, &used) == 3 &&
        used == static_cast<int>(item.size());
    const auto fits = [](int64_t size) { return size >= 1 && size <= kMostOfShape; };
    if (!read || !fits(shape.m) || !fits(shape.k) || !fits(shape.n)) {
      throw Error(ErrorCode::kUsage, "--shapes", "\"" + item + "\" is no shape",
                  "table, models, or MxKxN of 1 to 65536 each, separated by commas");
    }
    shapes.push_back(shape);
  }
  return shapes;
}

// Gigabytes per second from memory, of the fastest repetition, by threads.
Json MemorySpeeds(const KernelBenchSettings& settings) {
  MemoryReader reader;
  Json speeds;
  for (const int threads : settings.threads) {
    double bytes = 0;
    const Timing timing =
        RunContest({{"memory", [&] { bytes = reader.Run(threads); }}}, settings.contest).front();
    speeds[std::to_string(threads)] = bytes / timing.least / 1e9;
  }
  return speeds;
}

}  // namespace

std::vector<LinearShape> ShapesOf(const KernelBenchSettings& settings) {
  if (settings.shapes == "table") return TableShapes();
  if (settings.shapes == "models") return ModelShapes(settings);
  return ParseShapes(settings.shapes);
}

Json BenchKernels(const KernelBenchSettings& settings, Progress& progress) {
  const std::vector<LinearShape> shapes = ShapesOf(settings);
  Json result = {{"format", "tmpq-bench-kernels-1"},
                 {"machine", MachineToJson()},
                 {"peers", {{"oneDNN", OneDnnMatmul::Version()}}},
                 {"memory_gbps", MemorySpeeds(settings)},
                 {"contests", Json::array()}};
#ifdef TMPQ_WITH_TORCH
  result["peers"]["LibTorch"] = TorchVersion();
#endif
  const auto total = static_cast<int64_t>(shapes.size() * settings.threads.size());
  progress.Begin("kernels", total, "contests");
  int64_t done = 0;
  for (const LinearShape& shape : shapes) {
    for (const int threads : settings.threads) {
      result["contests"].push_back(RunLinearContest(shape, threads, settings.contest));
      progress.Update(++done);
    }
  }
  progress.End();
  return result;
}

std::string KernelBenchText(const Json& result) {
  std::string text = "GOP/s of the median and of the fastest repetition, the latter in % of peak\n";
  char line[160];
  for (const Json& contest : result["contests"]) {
    const bool has_peak = !contest["peak_gops"].is_null();
    std::snprintf(line, sizeof(line), "%dx%dx%d, %d threads, peak %.0f GOP/s\n",
                  contest["m"].get<int>(), contest["k"].get<int>(), contest["n"].get<int>(),
                  contest["threads"].get<int>(),
                  has_peak ? contest["peak_gops"]["fastest"].get<double>() : 0.0);
    text += line;
    for (const Json& of : contest["results"]) {
      std::snprintf(line, sizeof(line), "  %-30s %10.1f us %8.0f %8.0f %6.1f %%\n",
                    of["name"].get<std::string>().c_str(),
                    of["microseconds"]["median"].get<double>(), of["gops"]["median"].get<double>(),
                    of["gops"]["fastest"].get<double>(),
                    has_peak ? 100 * of["share_of_peak"]["fastest"].get<double>() : 0.0);
      text += line;
    }
  }
  return text;
}

}  // namespace tmpq
