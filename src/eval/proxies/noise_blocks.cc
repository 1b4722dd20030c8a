#include "src/eval/proxies/noise_blocks.h"

#include <algorithm>
#include <vector>

#include "src/core/error.h"

namespace tmpq {
namespace {

constexpr size_t kMostBlocks = 20;
constexpr const char* kBlock = ".block";

}  // namespace

void SetBlocks(Measurements& measurements, const std::string& name,
               std::span<const double> values) {
  const size_t blocks = std::min(kMostBlocks, values.size());
  for (size_t k = 0; k < blocks; ++k) {
    const size_t begin = k * values.size() / blocks, end = (k + 1) * values.size() / blocks;
    measurements[name + kBlock + std::to_string(k)] = Mean(values.subspan(begin, end - begin));
  }
}

bool IsBlock(const std::string& name) { return name.find(kBlock) != std::string::npos; }

Estimate EstimateBlockDifference(const Measurements& a, const Measurements& b,
                                 const std::string& name, int64_t samples) {
  std::vector<double> differences;
  for (size_t k = 0; k < kMostBlocks; ++k) {
    const auto first = a.find(name + kBlock + std::to_string(k));
    const auto second = b.find(name + kBlock + std::to_string(k));
    if (first == a.end() || second == b.end()) break;
    differences.push_back(first->second - second->second);
  }
  if (differences.size() < 2) {
    throw Error(ErrorCode::kInput, "measurements", "hold no blocks of \"" + name + "\"",
                "a run of this version of the program; older ones had none");
  }
  Estimate difference = WithStandardError(a.at(name) - b.at(name), StandardErrorOfMean(differences),
                                          static_cast<int64_t>(differences.size()));
  difference.n = samples;
  return difference;
}

}  // namespace tmpq
