// Where the time of a network's calls goes, by kind of op.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "src/graph/graph.h"
#include "src/runtime/network.h"

namespace tmpq {

// What Workspace::node_seconds holds of a node, in ThreadSeconds.
enum NodeSeconds {
  kWholeNode,   // all of it
  kNodeInputs,  // of that: inputs of a linear or convolution become integers outside of its kernel
  kNodeSecondsCount,
};

inline std::vector<double> MakeNodeSeconds(const Graph& graph) {
  return std::vector<double>(kNodeSecondsCount * graph.nodes().size());
}

// Adds the ThreadSeconds of its life to one entry of workspace.node_seconds, where these are asked
// for; else it does nothing.
class NodeTimer {
 public:
  NodeTimer(const Workspace& workspace, NodeId id, NodeSeconds which) {
    if (workspace.node_seconds == nullptr) return;
    seconds_ = &(*workspace.node_seconds)[kNodeSecondsCount * id + which];
    begin_ = ThreadSeconds();
  }
  ~NodeTimer() {
    if (seconds_ == nullptr) return;
    std::atomic_ref<double>(*seconds_) += ThreadSeconds() - begin_;  // threads of a call share it
  }
  NodeTimer(const NodeTimer&) = delete;
  NodeTimer& operator=(const NodeTimer&) = delete;

 private:
  double* seconds_ = nullptr;
  double begin_ = 0;
};

// Of a kind of op. Quantization inside a kernel (attention's q, k and v, a convolution's image)
// counts as that kernel's.
struct OpTime {
  std::string name;  // "linear", "quantization and rotation", ..
  double seconds = 0;
  bool product = false;  // the kernels of linears, convolutions and attention
};

// Longest first; kinds that took no time are left out.
std::vector<OpTime> TimesByOp(const Graph& graph, const std::vector<double>& node_seconds);

}  // namespace tmpq
