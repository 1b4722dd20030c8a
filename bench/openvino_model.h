// A peer: a whole network on OpenVINO (scripts/openvino_peer.py), in a process of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/peer_process.h"
#include "bench/temporary_folder.h"
#include "src/graph/graph.h"
#include "tests/runtime/random_batch.h"

namespace tmpq {

// The kinds that the script knows.
inline const std::vector<std::string> kOpenVinoKinds = {"float32", "static-int8", "dynamic-int8"};

class OpenVinoModel {
 public:
  // `python` has the package openvino; `model`: a model file. Throws kIo.
  OpenVinoModel(const std::string& python, const std::filesystem::path& script,
                const std::filesystem::path& model, const Graph& graph, const RandomBatch& inputs,
                int64_t batch, const std::string& kind, int threads);

  void Run() { process_.Ask("run", "done"); }
  // Of the last run: (batch, output shape).
  std::vector<float> Out();
  const std::string& version() const { return process_.greeting(); }

 private:
  std::filesystem::path WriteInputs(const Graph& graph, const RandomBatch& inputs, int64_t batch);

  TemporaryFolder folder_;
  int64_t elements_;
  PeerProcess process_;
};

}  // namespace tmpq
